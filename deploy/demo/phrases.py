"""What people ask a travel company, in their own languages, and what they add a few minutes later."""

import random
from dataclasses import dataclass, field
from typing import Final

from deploy.demo.people import Person

OPENERS: Final = {
    "es": (
        "Hola, ¿cuánto cuesta el tour de Hierve el Agua para 4 personas?",
        "Buenas tardes, ¿tienen lugar en el tour de mezcal este sábado?",
        "¡Hola! Somos dos y queremos ver las ballenas en Baja California en febrero. ¿Precios?",
        "¿El paseo en globo en Teotihuacán incluye transporte desde el centro?",
        "Queremos hacer el glaciar Perito Moreno con minitrekking, ¿qué fechas hay en diciembre?",
        "Hola, vi su anuncio de Iguazú 3 días. ¿Sigue la promo?",
        "¿Me pasan info del tour gastronómico en Oaxaca? Vamos con mi mamá, que es celíaca",
        "Buenos días, busco una caminata fácil para niños de 6 y 9 años",
        "¿Aceptan pagos en mensualidades? Es para la luna de miel en Bacalar",
        "Necesito cotización para un grupo de 18, viaje de empresa, mediados de marzo",
        "¿Cuánto sale el trekking a Ciudad Perdida en pesos?",
        "Hola, ¿hay tour privado a las salinas? Tenemos solo el jueves libre",
        "¿Qué incluye el paquete de Bacalar de 4 noches?",
        "Hola, ¿el nado con tortugas es apto para niños chicos?",
        "Quiero regalarle a mi papá un día de pesca en Puerto Escondido, ¿venden tarjetas de regalo?",
        "¿Tienen salidas a las Barrancas del Cobre en tren, primera semana de abril?",
        "Buenas, somos un grupo de 6 amigas, buscamos cabalgata y temazcal",
        "¿El minitrekking tiene edad máxima? Mi abuela tiene 74 y camina más que yo",
        "Hola, ¿de dónde sale la lancha a Islas Marietas y cuánto cuesta?",
        "¿Me pueden armar 5 días en Buenos Aires con una noche de tango?",
        "Nos cancelaron un vuelo y llegamos un día después, ¿qué pueden ofrecer para 3 días en Chiapas?",
        "¿Se puede hacer el volcán con perro? 🐕",
        "Buen día, precio del tour Valle de Uco con almuerzo, dos personas",
        "¿Hacen el cruce de los Andes a caballo en febrero?",
    ),
    "pt": (
        "Oi! Quanto custa o passeio das Cataratas com guia em português?",
        "Boa tarde, tem vaga pro nascer do sol no Dois Irmãos no domingo?",
        "Olá, queria saber do pacote Bonito 5 dias, somos um casal",
        "Vocês fazem transfer do aeroporto de Foz até o hotel?",
        "Bom dia! O passeio de barco em Paraty inclui almoço?",
        "Oi, dá pra parcelar o pacote de Lençóis Maranhenses em 6x?",
        "Quero levar meus pais de 70 anos ao Jalapão, é tranquilo pra eles?",
        "Vi no Instagram o mergulho em Noronha, qual o valor para 2 pessoas?",
        "Bom dia, vocês têm passeio de bike pela serra no feriado?",
    ),
    "en": (
        "Hi! How much is the street food tour in Mexico City for two?",
        "Hello, do you still have spots on the Patagonia trek in January?",
        "Is the cenote day trip OK for someone who can't swim?",
        "Can you plan 10 days in Colombia for a family of five? Budget around $6k",
        "Hey, saw your reel about the hot-air balloons. What's the price per person?",
        "What's your cancellation policy? We're looking at the Iguazú weekend",
        "Do you offer the mezcal tour in English on weekdays?",
        "Is there a vegetarian version of the food tour? Party of four, Friday night",
        "How cold does it get on the W trek in March? And do you rent sleeping bags?",
        "Two adults, one toddler, one very opinionated grandmother. What do you suggest in Oaxaca?",
    ),
    "de": (
        "Guten Tag, was kostet die Whale-Watching-Tour für zwei Erwachsene und ein Kind?",
        "Hallo, gibt es die Patagonien-Wanderung auch im November?",
        "Wir hätten gern ein Angebot: 14 Tage Mexiko, Mietwagen, kleine Hotels",
        "Ist der Ausflug nach Tikal an einem Tag machbar?",
    ),
    "fr": (
        "Bonjour, quel est le prix du circuit Oaxaca 4 jours pour deux personnes ?",
        "Bonsoir, le trek de la Ciudad Perdida est-il faisable sans guide privé ?",
    ),
    "it": (
        "Ciao! Quanto costa il tour delle cascate di Iguazú per 3 persone?",
        "Buongiorno, organizzate viaggi di nozze in Patagonia?",
    ),
}
FOLLOW_UPS: Final = {
    "es": (
        "Seríamos 4 adultos y un bebé",
        "¿Y si vamos entre semana sale más barato?",
        "Perfecto, ¿cómo aparto?",
        "¿Me mandan fotos del hotel?",
        "Viajamos del 12 al 16",
        "Ah, y uno de nosotros es vegano 🌱",
        "¿Se puede pagar con transferencia?",
    ),
    "pt": (
        "Somos 3, dias 8 a 12",
        "Tem desconto à vista?",
        "Pode mandar o roteiro?",
        "Aceita pix?",
        "Minha sogra também vai, então 4 😅",
    ),
    "en": (
        "We'd be there March 3-7",
        "Is breakfast included?",
        "Great, how do I book?",
        "Could you do a private guide instead?",
        "One of us has a peanut allergy, btw",
        "Sorry, make that three people",
    ),
    "de": ("Wir sind flexibel, am liebsten ab dem 10.", "Ist eine Anzahlung nötig?", "Gibt es auch Einzelzimmer?"),
    "fr": ("Nous partirions le 14 avril", "Le petit-déjeuner est-il compris ?"),
    "it": ("Siamo in tre, dal 5 al 9", "Si può pagare con carta?"),
}
REPLIES: Final = (
    "¡Hola! Gracias por escribirnos, en un momento te paso precios",
    "Thanks for writing! One of us will be with you shortly",
    "Oi, que bom ter você aqui! Já te mando o roteiro",
)
TRIPS: Final = (
    "Oaxaca 4 días",
    "Iguazú weekend",
    "Patagonia W trek",
    "Baja whales",
    "Lençóis Maranhenses",
    "Mexico City food",
    "Ciudad Perdida",
    "Bacalar",
)


@dataclass
class Phrases:
    """Gives out what people say; no question is asked twice before all of its language were."""

    choice: random.Random
    _left: dict[str, list[str]] = field(default_factory=dict)

    def opener(self, person: Person) -> str:
        """What somebody asks first."""
        if not self._left.get(person.language):
            questions = OPENERS[person.language]
            self._left[person.language] = self.choice.sample(questions, len(questions))
        return self._left[person.language].pop()

    def follow_ups(self, person: Person, count: int) -> list[str]:
        """What they add, each thing once; fewer than `count` where a language has no more."""
        sayings = FOLLOW_UPS[person.language]
        return self.choice.sample(sayings, min(count, len(sayings)))

    def follow_up(self, person: Person) -> str:
        """One thing that they add."""
        return self.choice.choice(FOLLOW_UPS[person.language])
