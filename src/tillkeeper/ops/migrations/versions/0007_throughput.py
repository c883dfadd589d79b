"""What makes the same promises cheaper to keep: references checked once a statement, and fewer indexes."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# A foreign key looks at every posting by itself, three times. Accounts and journals can neither be changed nor removed,
# so one look at all new rows together proves the same. Loops, because a plan made while a table was small is kept.
REFERENCES = """
CREATE FUNCTION posting_check_references() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    orphan record;
BEGIN
    SELECT written.* INTO orphan
    FROM written
    LEFT JOIN journal ON journal.id = written.journal_id
    LEFT JOIN account AS debit ON (debit.id, debit.currency) = (written.debit_id, written.currency)
    LEFT JOIN account AS credit ON (credit.id, credit.currency) = (written.credit_id, written.currency)
    WHERE journal.id IS NULL OR debit.id IS NULL OR credit.id IS NULL
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Posting % names journal %, accounts % and % in %, and one of these does not exist.',
            orphan.id, orphan.journal_id, orphan.debit_id, orphan.credit_id, orphan.currency
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$
"""

POSTING = (
    REFERENCES,
    "REVOKE EXECUTE ON FUNCTION posting_check_references FROM PUBLIC",
    *(
        f"""
        CREATE TRIGGER posting_references_{event.lower()} AFTER {event} ON posting
        REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION posting_check_references()
        """
        for event in ("INSERT", "UPDATE")
    ),
    """
    ALTER TABLE posting
        DROP CONSTRAINT posting_journal_id_fkey,
        DROP CONSTRAINT posting_debit_id_currency_fkey,
        DROP CONSTRAINT posting_credit_id_currency_fkey,
        DROP CONSTRAINT posting_pkey,
        ADD CONSTRAINT posting_pkey PRIMARY KEY (journal_id, id)
    """,
    "DROP INDEX posting_journal_id_index",
)

# The balances come last, so that nobody waits for them longer than it takes to move them and to commit.
POST = """
CREATE OR REPLACE FUNCTION ledger_post(
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
SET enable_hashjoin = off
SET enable_mergejoin = off
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

    -- 3. A fact that was there before must say the same; what it moved was moved then.
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
        SELECT array_agg(journal.id IS NOT NULL ORDER BY fact.n) INTO claimed_now
        FROM unnest(journal_ids) WITH ORDINALITY AS fact (id, n) LEFT JOIN journal ON journal.id = fact.id;
    END IF;

    -- 4. Append the postings of the claimed facts.
    INSERT INTO posting (journal_id, debit_id, credit_id, currency, amount)
    SELECT journal_ids[move.journal], account_ids[move.debit], account_ids[move.credit], move.currency, move.amount
    FROM unnest(posting_journals, posting_debits, posting_credits, posting_currencies, posting_amounts)
        AS move (journal, debit, credit, currency, amount)
    WHERE claimed_now IS NULL OR claimed_now[move.journal];

    -- 5. Move each balance once. The loop locks them as they come, by account, which is one order for everybody.
    WITH turnover AS MATERIALIZED (
        SELECT account_ids[side.account] AS id, bool_or(account_waits[side.account]) AS waits,
            sum(side.debit)::bigint AS debits, sum(side.credit)::bigint AS credits
        FROM unnest(posting_journals, posting_debits, posting_credits, posting_amounts)
            AS move (journal, debit, credit, amount)
        CROSS JOIN LATERAL (VALUES (move.debit, move.amount, 0), (move.credit, 0, move.amount))
            AS side (account, debit, credit)
        WHERE claimed_now IS NULL OR claimed_now[move.journal]
        GROUP BY 1 ORDER BY 1
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

OTHERS = (
    # Sealed bodies do not get smaller, and PostgreSQL would try with every large one.
    "ALTER TABLE inbox_message ALTER COLUMN body SET STORAGE EXTERNAL",
    # An event has no number when it is written, so there is nothing to enter then.
    "ALTER TABLE outbox_event DROP CONSTRAINT outbox_event_seq_unique",
    "CREATE UNIQUE INDEX outbox_event_seq_index ON outbox_event (seq) WHERE seq IS NOT NULL",
)


def upgrade() -> None:
    """Check references by the statement, and drop what nobody looks things up in."""
    for statement in (*POSTING, POST, *OTHERS):
        op.execute(statement)


def downgrade() -> None:
    """Refuse: it is not needed, because the version before works with this shape as well."""
    message = "There is no downgrade: the version before works with this database as it is."
    raise NotImplementedError(message)
