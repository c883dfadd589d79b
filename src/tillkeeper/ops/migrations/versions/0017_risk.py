"""Rules that score payments, lists, what was made of each payment, and payments that a person must look at."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE risk_rule (
        id TEXT NOT NULL,
        fact TEXT NOT NULL,
        operator TEXT NOT NULL,
        value JSONB NOT NULL,
        currency TEXT,
        score SMALLINT NOT NULL CONSTRAINT risk_rule_score_check CHECK (score BETWEEN 1 AND 100),
        reason TEXT NOT NULL,
        enabled BOOLEAN NOT NULL,
        CONSTRAINT risk_rule_pkey PRIMARY KEY (id)
    )
    """,
    """
    INSERT INTO risk_rule (id, fact, operator, value, score, reason, enabled) VALUES
        ('attempts_many', 'attempts_by_user_hour', 'more_than', '5', 30, 'more than 5 attempts in an hour', true),
        ('attempts_some', 'attempts_by_user_hour', 'more_than', '3', 15, 'more than 3 attempts in an hour', true),
        ('amount_large', 'amount', 'more_than', '50000', 20, 'a large amount', true),
        ('account_of_today', 'account_age_hours', 'less_than', '24', 25, 'the account is younger than a day', true),
        ('account_of_this_week', 'account_age_hours', 'less_than', '168', 10, 'the account is younger than a week', true),
        ('failures_many', 'failures_by_user_day', 'more_than', '3', 20, 'more than 3 failed tries in a day', true),
        ('card_testing_address', 'failures_by_address_hour', 'more_than', '10', 70, 'more than 10 failed tries from one address in an hour', true),
        ('card_testing_device', 'failures_by_fingerprint_hour', 'more_than', '10', 70, 'more than 10 failed tries from one device in an hour', true)
    """,
    """
    CREATE TABLE risk_list (
        id UUID NOT NULL,
        side TEXT NOT NULL CONSTRAINT risk_list_side_check CHECK (side IN ('allow', 'block')),
        trait TEXT NOT NULL CONSTRAINT risk_list_trait_check CHECK (trait IN ('user', 'address', 'fingerprint')),
        key BYTEA NOT NULL,
        shown TEXT NOT NULL,
        note TEXT NOT NULL,
        added_by TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT risk_list_pkey PRIMARY KEY (id),
        CONSTRAINT risk_list_key_side_unique UNIQUE (key, side)
    )
    """,
    """
    CREATE TABLE risk_assessment (
        payment_id UUID NOT NULL,
        user_key BYTEA,
        address_key BYTEA,
        fingerprint_key BYTEA,
        score SMALLINT NOT NULL CONSTRAINT risk_assessment_score_check CHECK (score BETWEEN 0 AND 100),
        decision TEXT NOT NULL
            CONSTRAINT risk_assessment_decision_check CHECK (decision IN ('allow', 'review', 'block')),
        reasons JSONB NOT NULL,
        facts JSONB NOT NULL,
        failures SMALLINT DEFAULT '0' NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT risk_assessment_pkey PRIMARY KEY (payment_id)
    )
    """,
    "CREATE INDEX risk_assessment_user_index ON risk_assessment (user_key, at) WHERE user_key IS NOT NULL",
    "CREATE INDEX risk_assessment_address_index ON risk_assessment (address_key, at) WHERE address_key IS NOT NULL",
    """
    CREATE INDEX risk_assessment_fingerprint_index ON risk_assessment (fingerprint_key, at)
    WHERE fingerprint_key IS NOT NULL
    """,
    "CREATE INDEX risk_assessment_at_index ON risk_assessment (at)",
    "ALTER TABLE payment ADD COLUMN review BOOLEAN DEFAULT 'false' NOT NULL",
    "CREATE INDEX payment_review_index ON payment (authorized_at) WHERE status = 'in_review'",
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what was decided about payments would be lost."""
    message = "A downgrade would lose what was decided about payments; mend forward with a new migration."
    raise NotImplementedError(message)
