"""Goods: what was handed over, credits and cards."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE entitlement (
        id UUID NOT NULL,
        payment_id UUID NOT NULL,
        line SMALLINT NOT NULL,
        ordinal SMALLINT NOT NULL,
        kind TEXT NOT NULL,
        user_id UUID NOT NULL,
        granted BIGINT NOT NULL CONSTRAINT entitlement_granted_check CHECK (granted > 0),
        revoked BIGINT DEFAULT '0' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT entitlement_pkey PRIMARY KEY (id),
        CONSTRAINT entitlement_payment_id_line_ordinal_unique UNIQUE (payment_id, line, ordinal),
        CONSTRAINT entitlement_revoked_check CHECK (revoked BETWEEN 0 AND granted)
    )
    """,
    "CREATE INDEX entitlement_user_id_index ON entitlement (user_id)",
    """
    CREATE TABLE pack_type (
        sku TEXT NOT NULL,
        cards SMALLINT NOT NULL CONSTRAINT pack_type_cards_check CHECK (cards > 0),
        stock BIGINT CONSTRAINT pack_type_stock_check CHECK (stock >= 0),
        guaranteed_tier TEXT NOT NULL,
        guaranteed_cards SMALLINT NOT NULL,
        CONSTRAINT pack_type_pkey PRIMARY KEY (sku),
        CONSTRAINT pack_type_guaranteed_check CHECK (guaranteed_cards BETWEEN 0 AND cards)
    )
    """,
    """
    CREATE TABLE undelivered (
        payment_id UUID NOT NULL,
        kind TEXT NOT NULL,
        reason TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT undelivered_pkey PRIMARY KEY (payment_id)
    )
    """,
    """
    CREATE TABLE wallet (
        user_id UUID NOT NULL,
        balance BIGINT DEFAULT '0' NOT NULL CONSTRAINT wallet_balance_check CHECK (balance >= 0),
        debt BIGINT DEFAULT '0' NOT NULL CONSTRAINT wallet_debt_check CHECK (debt >= 0),
        CONSTRAINT wallet_pkey PRIMARY KEY (user_id)
    )
    """,
    """
    CREATE TABLE card_design (
        id TEXT NOT NULL,
        sku TEXT NOT NULL,
        artist TEXT NOT NULL,
        title TEXT NOT NULL,
        tier TEXT NOT NULL CONSTRAINT card_design_tier_check CHECK (tier IN ('common', 'rare', 'epic', 'legendary')),
        weight INTEGER NOT NULL CONSTRAINT card_design_weight_check CHECK (weight > 0),
        supply BIGINT,
        issued BIGINT DEFAULT '0' NOT NULL,
        CONSTRAINT card_design_pkey PRIMARY KEY (id),
        CONSTRAINT card_design_supply_check CHECK (issued >= 0 AND (supply IS NULL OR issued <= supply)),
        CONSTRAINT card_design_sku_fkey FOREIGN KEY(sku) REFERENCES pack_type (sku)
    )
    """,
    "CREATE INDEX card_design_sku_index ON card_design (sku)",
    """
    CREATE TABLE credit_lot (
        id UUID NOT NULL,
        user_id UUID NOT NULL,
        payment_id UUID NOT NULL,
        granted BIGINT NOT NULL CONSTRAINT credit_lot_granted_check CHECK (granted > 0),
        remaining BIGINT NOT NULL,
        revoked BIGINT DEFAULT '0' NOT NULL,
        currency TEXT NOT NULL,
        amount BIGINT NOT NULL,
        recognised BIGINT DEFAULT '0' NOT NULL,
        returned BIGINT DEFAULT '0' NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT credit_lot_pkey PRIMARY KEY (id),
        CONSTRAINT credit_lot_units_check CHECK (remaining >= 0 AND revoked >= 0 AND remaining + revoked <= granted),
        CONSTRAINT credit_lot_money_check CHECK (recognised >= 0 AND returned >= 0 AND recognised + returned <= amount),
        CONSTRAINT credit_lot_user_id_fkey FOREIGN KEY(user_id) REFERENCES wallet (user_id),
        CONSTRAINT credit_lot_payment_id_unique UNIQUE (payment_id)
    )
    """,
    "CREATE INDEX credit_lot_open_index ON credit_lot (user_id, created_at) WHERE remaining > 0",
    """
    CREATE TABLE wallet_entry (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        user_id UUID NOT NULL,
        kind TEXT NOT NULL,
        amount BIGINT NOT NULL CONSTRAINT wallet_entry_amount_check CHECK (amount <> 0),
        balance_before BIGINT NOT NULL,
        balance_after BIGINT NOT NULL CONSTRAINT wallet_entry_balance_after_check CHECK (balance_after >= 0),
        source UUID NOT NULL,
        reason TEXT,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT wallet_entry_pkey PRIMARY KEY (id),
        CONSTRAINT wallet_entry_arithmetic_check CHECK (balance_after = balance_before + amount),
        CONSTRAINT wallet_entry_user_id_fkey FOREIGN KEY(user_id) REFERENCES wallet (user_id)
    )
    """,
    "CREATE INDEX wallet_entry_user_index ON wallet_entry (user_id, id)",
    """
    CREATE TABLE wallet_spend (
        id UUID NOT NULL,
        user_id UUID NOT NULL,
        amount BIGINT NOT NULL CONSTRAINT wallet_spend_amount_check CHECK (amount > 0),
        reason TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT wallet_spend_pkey PRIMARY KEY (id),
        CONSTRAINT wallet_spend_user_id_fkey FOREIGN KEY(user_id) REFERENCES wallet (user_id)
    )
    """,
    "CREATE INDEX wallet_spend_user_id_index ON wallet_spend (user_id)",
    """
    CREATE TABLE card (
        id UUID NOT NULL,
        design_id TEXT NOT NULL,
        number BIGINT NOT NULL CONSTRAINT card_number_check CHECK (number > 0),
        user_id UUID NOT NULL,
        payment_id UUID NOT NULL,
        ordinal INTEGER NOT NULL,
        status TEXT NOT NULL CONSTRAINT card_status_check CHECK (status IN ('owned', 'suspended', 'revoked', 'revoked_after_use')),
        used_at TIMESTAMP WITH TIME ZONE,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT card_pkey PRIMARY KEY (id),
        CONSTRAINT card_design_id_number_unique UNIQUE (design_id, number),
        CONSTRAINT card_payment_id_ordinal_unique UNIQUE (payment_id, ordinal),
        CONSTRAINT card_design_id_fkey FOREIGN KEY(design_id) REFERENCES card_design (id)
    )
    """,
    "CREATE INDEX card_user_id_index ON card (user_id)",
    """
    CREATE TABLE revocation (
        refund_id UUID NOT NULL,
        lot_id UUID NOT NULL,
        units BIGINT NOT NULL,
        unearned BIGINT NOT NULL,
        earned BIGINT NOT NULL,
        CONSTRAINT revocation_pkey PRIMARY KEY (refund_id),
        CONSTRAINT revocation_lot_id_fkey FOREIGN KEY(lot_id) REFERENCES credit_lot (id)
    )
    """,
)


def upgrade() -> None:
    """Create the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: financial data would be lost."""
    message = "A downgrade would lose financial data; mend forward with a new migration."
    raise NotImplementedError(message)
