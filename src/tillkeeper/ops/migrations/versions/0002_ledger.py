"""The books: accounts, balances, journals, postings, and the only two ways to write them."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE account (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        code TEXT COLLATE "C" NOT NULL CONSTRAINT account_code_check CHECK (code ~ '^[!-~]+$'),
        currency TEXT COLLATE "C" NOT NULL CONSTRAINT account_currency_check CHECK (currency ~ '^[!-~]+$'),
        class TEXT NOT NULL CONSTRAINT account_class_check
            CHECK (class IN ('asset', 'liability', 'income', 'expense', 'unit')),
        guarded BOOLEAN NOT NULL,
        mode TEXT NOT NULL CONSTRAINT account_mode_check CHECK (mode IN ('sync', 'deferred')),
        CONSTRAINT account_pkey PRIMARY KEY (id),
        CONSTRAINT account_code_unique UNIQUE (code),
        CONSTRAINT account_id_currency_unique UNIQUE (id, currency),
        CONSTRAINT account_guarded_check
            CHECK (NOT guarded OR (mode = 'sync' AND class IN ('liability', 'income', 'unit')))
    )
    """,
    # Every posting rewrites a balance: room in its page keeps the new version there and out of the index.
    """
    CREATE TABLE balance (
        account_id BIGINT NOT NULL,
        debits BIGINT DEFAULT '0' NOT NULL CONSTRAINT balance_debits_check CHECK (debits >= 0),
        credits BIGINT DEFAULT '0' NOT NULL CONSTRAINT balance_credits_check CHECK (credits >= 0),
        held BIGINT DEFAULT '0' NOT NULL CONSTRAINT balance_held_check CHECK (held >= 0),
        version BIGINT DEFAULT '0' NOT NULL,
        guarded BOOLEAN NOT NULL,
        CONSTRAINT balance_pkey PRIMARY KEY (account_id),
        CONSTRAINT balance_account_id_fkey FOREIGN KEY (account_id) REFERENCES account (id),
        CONSTRAINT balance_guarded_check CHECK (NOT guarded OR credits - debits - held >= 0)
    ) WITH (fillfactor = 70)
    """,
    """
    CREATE TABLE balance_delta (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        account_id BIGINT NOT NULL,
        debits BIGINT NOT NULL,
        credits BIGINT NOT NULL,
        CONSTRAINT balance_delta_pkey PRIMARY KEY (id),
        CONSTRAINT balance_delta_account_id_fkey FOREIGN KEY (account_id) REFERENCES balance (account_id)
    )
    """,
    "CREATE INDEX balance_delta_account_id_index ON balance_delta (account_id)",
    """
    CREATE TABLE journal (
        id UUID NOT NULL,
        source TEXT COLLATE "C" NOT NULL,
        source_id TEXT COLLATE "C" NOT NULL,
        kind TEXT COLLATE "C" NOT NULL,
        payload_sha BYTEA NOT NULL,
        effective_at TIMESTAMP WITH TIME ZONE NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        correlation_id TEXT,
        CONSTRAINT journal_pkey PRIMARY KEY (id),
        CONSTRAINT journal_source_source_id_kind_unique UNIQUE (source, source_id, kind)
    )
    """,
    """
    CREATE TABLE posting (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        journal_id UUID NOT NULL,
        debit_id BIGINT NOT NULL,
        credit_id BIGINT NOT NULL,
        currency TEXT COLLATE "C" NOT NULL,
        amount BIGINT NOT NULL CONSTRAINT posting_amount_check CHECK (amount > 0),
        CONSTRAINT posting_pkey PRIMARY KEY (id),
        CONSTRAINT posting_journal_id_fkey FOREIGN KEY (journal_id) REFERENCES journal (id),
        CONSTRAINT posting_debit_id_currency_fkey
            FOREIGN KEY (debit_id, currency) REFERENCES account (id, currency),
        CONSTRAINT posting_credit_id_currency_fkey
            FOREIGN KEY (credit_id, currency) REFERENCES account (id, currency),
        CONSTRAINT posting_sides_check CHECK (debit_id <> credit_id)
    )
    """,
    "CREATE INDEX posting_journal_id_index ON posting (journal_id)",
    "CREATE INDEX posting_debit_id_id_index ON posting (debit_id, id)",
    "CREATE INDEX posting_credit_id_id_index ON posting (credit_id, id)",
)

APPEND_ONLY = (
    """
    CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'The books are append-only: % on % is refused.', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', HINT = 'Correct a fact by posting another journal.';
    END
    $$
    """,
    *(
        f"""
        CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()
        """
        for table in ("account", "journal", "posting")
    ),
)

# The caller numbers the accounts and the journals of a batch from 1; postings name them by these numbers. Each step
# is a statement of its own, because each then sees what others committed while the step before it waited.
# Sequential scans are off because a plan made while a table was small is kept by the session and would scan it for ever.
POST = """
CREATE FUNCTION ledger_post(
    account_codes text[], account_currencies text[], account_classes text[],
    account_guards boolean[], account_modes text[],
    journal_ids uuid[], journal_sources text[], journal_source_ids text[], journal_kinds text[],
    journal_shas bytea[], journal_effective_ats timestamptz[], journal_correlation_ids text[],
    posting_journals integer[], posting_debits integer[], posting_credits integer[],
    posting_currencies text[], posting_amounts bigint[]
) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    account_ids bigint[];
    account_waits boolean[];
    claimed uuid[];
    claimed_now boolean[];
    clash record;
BEGIN
    -- 1. Find the accounts; open the missing ones and look again. Sorted, so two batches wait in one order.
    LOOP
        SELECT array_agg(account.id ORDER BY wanted.n), array_agg(account.mode = 'deferred' ORDER BY wanted.n)
        INTO account_ids, account_waits
        FROM unnest(account_codes) WITH ORDINALITY AS wanted (code, n)
        LEFT JOIN account ON account.code = wanted.code;
        EXIT WHEN array_position(account_ids, NULL) IS NULL;

        WITH opened AS (
            INSERT INTO account (code, currency, class, guarded, mode)
            SELECT wanted.code, wanted.currency, wanted.class, wanted.guarded, wanted.mode
            FROM unnest(account_codes, account_currencies, account_classes, account_guards, account_modes)
                AS wanted (code, currency, class, guarded, mode)
            WHERE NOT EXISTS (SELECT FROM account WHERE account.code = wanted.code)
            ORDER BY wanted.code
            ON CONFLICT (code) DO NOTHING
            RETURNING id, guarded
        )
        INSERT INTO balance (account_id, guarded) SELECT opened.id, opened.guarded FROM opened;
    END LOOP;

    -- 2. Claim the facts, one row per key inside the batch first: the same key twice must post once.
    WITH inserted AS (
        INSERT INTO journal (id, source, source_id, kind, payload_sha, effective_at, correlation_id)
        SELECT DISTINCT ON (fact.source, fact.source_id, fact.kind)
            fact.id, fact.source, fact.source_id, fact.kind, fact.sha, fact.effective_at, fact.correlation_id
        FROM unnest(
            journal_ids, journal_sources, journal_source_ids, journal_kinds,
            journal_shas, journal_effective_ats, journal_correlation_ids
        ) WITH ORDINALITY AS fact (id, source, source_id, kind, sha, effective_at, correlation_id, n)
        ORDER BY fact.source, fact.source_id, fact.kind, fact.n
        ON CONFLICT (source, source_id, kind) DO NOTHING
        RETURNING id
    )
    SELECT coalesce(array_agg(inserted.id), '{}') INTO claimed FROM inserted;

    -- 3. A fact that was there before must say the same.
    IF cardinality(claimed) < cardinality(journal_ids) THEN
        SELECT journal.source, journal.source_id, journal.kind INTO clash
        FROM unnest(journal_sources, journal_source_ids, journal_kinds, journal_shas)
            AS fact (source, source_id, kind, sha)
        JOIN journal USING (source, source_id, kind)
        WHERE journal.payload_sha <> fact.sha
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION '% % % is in the books with other accounts or amounts.',
                clash.source, clash.source_id, clash.kind USING ERRCODE = 'TL001';
        END IF;
        IF cardinality(claimed) = 0 THEN
            RETURN claimed;
        END IF;
    END IF;
    SELECT array_agg(mine.id IS NOT NULL ORDER BY fact.n) INTO claimed_now
    FROM unnest(journal_ids) WITH ORDINALITY AS fact (id, n) LEFT JOIN unnest(claimed) AS mine (id) USING (id);

    -- 4. Lock the balances that are kept up to date, in one order for everybody.
    PERFORM FROM unnest(account_ids, account_waits) AS touched (id, waits)
    JOIN balance ON balance.account_id = touched.id
    WHERE NOT touched.waits
    ORDER BY balance.account_id
    FOR NO KEY UPDATE OF balance;

    -- 5. Append the postings of the claimed facts and move each balance once.
    WITH move AS MATERIALIZED (
        SELECT item.journal, item.debit, item.credit, item.currency, item.amount
        FROM unnest(posting_journals, posting_debits, posting_credits, posting_currencies, posting_amounts)
            AS item (journal, debit, credit, currency, amount)
        WHERE claimed_now[item.journal] IS NOT FALSE
    ), written AS (
        INSERT INTO posting (journal_id, debit_id, credit_id, currency, amount)
        SELECT journal_ids[move.journal], account_ids[move.debit], account_ids[move.credit], move.currency, move.amount
        FROM move
    ), turnover AS (
        SELECT account_ids[side.account] AS id, bool_or(account_waits[side.account]) AS waits,
            sum(side.debit)::bigint AS debits, sum(side.credit)::bigint AS credits
        FROM move CROSS JOIN LATERAL (VALUES (move.debit, move.amount, 0), (move.credit, 0, move.amount))
            AS side (account, debit, credit)
        GROUP BY 1
    ), waiting AS (
        INSERT INTO balance_delta (account_id, debits, credits)
        SELECT turnover.id, turnover.debits, turnover.credits FROM turnover WHERE turnover.waits
    )
    UPDATE balance
    SET debits = balance.debits + turnover.debits,
        credits = balance.credits + turnover.credits,
        version = balance.version + 1
    FROM turnover
    WHERE balance.account_id = turnover.id AND NOT turnover.waits;
    RETURN claimed;
END
$$
"""

# Two rollers share the rows between them (SKIP LOCKED) and then wait for balances in one order.
ROLL = """
CREATE FUNCTION ledger_roll(deltas_max integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    account_ids bigint[];
    debit_sums bigint[];
    credit_sums bigint[];
    rolled integer;
BEGIN
    WITH taken AS (
        DELETE FROM balance_delta
        WHERE id = ANY (ARRAY(SELECT id FROM balance_delta ORDER BY id LIMIT deltas_max FOR UPDATE SKIP LOCKED))
        RETURNING account_id, debits, credits
    ), turnover AS (
        SELECT account_id, sum(debits)::bigint AS debits, sum(credits)::bigint AS credits, count(*) AS deltas
        FROM taken GROUP BY account_id
    )
    SELECT array_agg(account_id), array_agg(debits), array_agg(credits), coalesce(sum(deltas), 0)
    INTO account_ids, debit_sums, credit_sums, rolled
    FROM turnover;

    PERFORM FROM unnest(account_ids) AS touched (id)
    JOIN balance ON balance.account_id = touched.id
    ORDER BY balance.account_id
    FOR NO KEY UPDATE OF balance;

    UPDATE balance
    SET debits = balance.debits + turnover.debits,
        credits = balance.credits + turnover.credits,
        version = balance.version + 1
    FROM unnest(account_ids, debit_sums, credit_sums) AS turnover (id, debits, credits)
    WHERE balance.account_id = turnover.id;
    RETURN rolled;
END
$$
"""

RIGHTS = (
    "REVOKE EXECUTE ON FUNCTION ledger_refuse FROM PUBLIC",
    "REVOKE EXECUTE ON FUNCTION ledger_post FROM PUBLIC",
    "REVOKE EXECUTE ON FUNCTION ledger_roll FROM PUBLIC",
)


def upgrade() -> None:
    """Create the books."""
    for statement in (*TABLES, *APPEND_ONLY, POST, ROLL, *RIGHTS):
        op.execute(statement)


def downgrade() -> None:
    """Refuse: financial data would be lost."""
    message = "A downgrade would lose financial data; mend forward with a new migration."
    raise NotImplementedError(message)
