"""What must always be true of the events that leave: each is told, numbered, and delivered, given up or being sent."""

overdue_minutes = 15
"""What should have been done for longer is not being worked on."""
LATE = f"clock_timestamp() - interval '{overdue_minutes} minutes'"

PROMISES = {
    "captured money was told to nobody": """
        SELECT payment.id::text FROM payment
        WHERE status = 'succeeded' AND NOT imported
          AND NOT EXISTS (SELECT FROM outbox_event
                          WHERE payment_id = payment.id AND type = 'payment.succeeded')""",
    "an event waits for its number": f"""
        SELECT outbox_event.id::text FROM outbox_event WHERE seq IS NULL AND created_at < {LATE}""",
    "an endpoint is not served what has happened": f"""
        SELECT webhook_endpoint.id::text FROM webhook_endpoint
        JOIN outbox_event ON outbox_event.seq = webhook_endpoint.cursor + 1
        WHERE enabled AND outbox_event.created_at < {LATE} AND webhook_endpoint.created_at < {LATE}""",
    "an endpoint is not owed an event that it wants": """
        SELECT outbox_event.id::text FROM webhook_endpoint
        JOIN outbox_event ON seq > owed_since AND seq <= cursor AND ('*' = ANY (types) OR type = ANY (types))
        WHERE deleted_at IS NULL
          AND NOT EXISTS (SELECT FROM webhook_delivery
                          WHERE endpoint_id = webhook_endpoint.id AND event_id = outbox_event.id)""",
    "an event is neither delivered nor given up nor being sent": f"""
        SELECT webhook_delivery.id::text FROM webhook_delivery
        JOIN webhook_endpoint AS endpoint ON endpoint.id = endpoint_id AND endpoint.enabled
        WHERE status = 'pending' AND due_at < {LATE}
          AND NOT EXISTS (SELECT FROM webhook_delivery AS other
                          WHERE other.endpoint_id = endpoint.id
                            AND (other.lease_until > clock_timestamp() OR other.finished_at > {LATE}))""",
    "an event is said to be delivered, and nobody has taken it": """
        SELECT webhook_delivery.id::text FROM webhook_delivery
        WHERE status = 'succeeded'
          AND NOT EXISTS (SELECT FROM webhook_try AS try
                          WHERE try.delivery_id = webhook_delivery.id AND try.status BETWEEN 200 AND 299)""",
}
"""Each query lists what breaks a promise, as those of the books do."""
