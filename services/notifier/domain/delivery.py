"""How handing a mail to a mail server may fail. Texts are facts for operators, without addresses or answers."""


class TemporaryFailure(Exception):
    """Not delivered, certainly; worth another attempt later."""


class PermanentFailure(Exception):
    """Not delivered, certainly; another attempt would end the same way."""


class UnknownDelivery(Exception):
    """The connection died after the content left: the mail may have arrived."""


class LeaseLost(Exception):
    """Somebody else has this notification now; nothing was handed over."""


class LeadsAway(Exception):
    """leads does not answer, so that it is not known whether there is anything to tell."""
