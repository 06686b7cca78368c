"""Every metric, declared once with its unit and meaning. Labels never carry personal data."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

records_consumed = Counter(
    "leadline_records_consumed_total",
    "Records done with: their effect is committed, or they are skipped or put aside.",
    ["consumer"],
)
records_skipped = Counter(
    "leadline_records_skipped_total",
    "Records of a type that this service has no use for, or does not know.",
    ["consumer"],
)
batch_seconds = Histogram(
    "leadline_consumer_batch_seconds",
    "Seconds from a fetched batch to its commit.",
    ["consumer"],
    buckets=_SECONDS,
)
batch_retries = Counter(
    "leadline_consumer_retries_total",
    "Batches run again, by cause: transient (server away), conflict (lost a race), halved (bad record within),"
    " unexpected (a failure of the machinery itself).",
    ["consumer", "cause"],
)
dead_letters = Counter("leadline_dead_letters_total", "Records put aside because they alone fail.", ["consumer"])
consumer_stopped = Gauge(
    "leadline_consumer_stopped", "1 while a consumer stands still after too many dead letters.", ["consumer"]
)
consumer_lag = Gauge("leadline_consumer_lag_records", "Records written to a topic but not committed.", ["consumer"])

relay_published = Counter("leadline_relay_published_total", "Records that the broker acknowledged.", ["topic"])
relay_republished = Counter(
    "leadline_relay_republished_total", "Rows published again because the broker lost its log.", ["topic"]
)
relay_unsent = Gauge("leadline_relay_unsent_rows", "Rows that wait for the broker.", ["relay"])
relay_oldest = Gauge("leadline_relay_oldest_unsent_seconds", "Age of the oldest row that waits.", ["relay"])

loop_failures = Counter("leadline_loop_failures_total", "Ticks of a background loop that raised.", ["loop"])
jobs_run = Counter("leadline_jobs_total", "Scheduled jobs by result.", ["job", "result"])
handed_over_again = Counter(
    "leadline_handed_over_again_total", "Hand-overs repeated because the receiver stayed silent.", ["what"]
)

http_seconds = Histogram(
    "leadline_http_request_seconds",
    "Seconds to answer a request.",
    ["route", "method", "status"],
    buckets=_SECONDS,
)

receipts = Gauge("leadline_receipts", "Receipts by outcome; received equals the sum of all the others.", ["outcome"])
leads_registered = Counter("leadline_inquiries_registered_total", "Claims settled, by outcome.", ["outcome"])
decisions = Counter("leadline_decisions_total", "Assignment decisions by result.", ["result"])
queued_leads = Gauge("leadline_queued_leads", "Ready leads that nobody may take now.")
notifications = Counter("leadline_notifications_total", "Notifications by kind and final state.", ["kind", "state"])
attachments = Counter(
    "leadline_attachments_total", "Files that people sent: stored, or failed and waiting for a person.", ["state"]
)
