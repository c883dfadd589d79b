"""The books by the time of the facts: statements and days without a full scan, and seals that show tampering."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# A posting carries the time of its fact, so that an account is read in that order from an index, and a day from the few
# pages that hold it (BRIN: almost free to write). The rows that are there are filled in with the guards off.
EFFECTIVE = (
    "ALTER TABLE posting ADD COLUMN effective_at TIMESTAMP WITH TIME ZONE, DISABLE TRIGGER USER",
    "UPDATE posting SET effective_at = journal.effective_at FROM journal WHERE journal.id = posting.journal_id",
    "ALTER TABLE posting ALTER COLUMN effective_at SET NOT NULL, ENABLE TRIGGER USER",
    *(
        f"CREATE INDEX posting_{side}_id_effective_at_id_index ON posting ({side}_id, effective_at, id)"
        for side in ("debit", "credit")
    ),
    "DROP INDEX posting_debit_id_id_index, posting_credit_id_id_index",
    """
    CREATE INDEX posting_effective_at_index ON posting
        USING brin (effective_at timestamptz_minmax_multi_ops) WITH (pages_per_range = 32, autosummarize = on)
    """,
    """
    CREATE INDEX journal_recorded_at_effective_at_index ON journal
        USING brin (recorded_at, effective_at timestamptz_minmax_multi_ops) WITH (pages_per_range = 32, autosummarize = on)
    """,
)

# One row of the queue for each batch that was posted. What it names is put into the next seal, and added to its days.
TABLES = (
    """
    CREATE TABLE unsealed (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        journals UUID[] NOT NULL,
        CONSTRAINT unsealed_pkey PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE seal (
        number BIGINT NOT NULL CONSTRAINT seal_number_check CHECK (number >= 0),
        previous BYTEA NOT NULL,
        journals UUID[] NOT NULL,
        digests BYTEA[] NOT NULL,
        sealed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        hash BYTEA NOT NULL,
        CONSTRAINT seal_pkey PRIMARY KEY (number),
        CONSTRAINT seal_digests_check CHECK (cardinality(journals) = cardinality(digests))
    )
    """,
    # Ids and digests do not get smaller, and PostgreSQL would try.
    "ALTER TABLE seal ALTER COLUMN journals SET STORAGE EXTERNAL, ALTER COLUMN digests SET STORAGE EXTERNAL",
    """
    CREATE TABLE balance_daily (
        day DATE NOT NULL,
        heading TEXT COLLATE "C" NOT NULL,
        currency TEXT COLLATE "C" NOT NULL,
        class TEXT NOT NULL,
        debits BIGINT NOT NULL CONSTRAINT balance_daily_debits_check CHECK (debits >= 0),
        credits BIGINT NOT NULL CONSTRAINT balance_daily_credits_check CHECK (credits >= 0),
        CONSTRAINT balance_daily_pkey PRIMARY KEY (day, heading, currency)
    )
    """,
    """
    CREATE TRIGGER seal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()
    """,
    """
    CREATE TABLE invariant_check (
        name TEXT NOT NULL,
        scope TEXT NOT NULL CONSTRAINT invariant_check_scope_check CHECK (scope IN ('recent', 'full')),
        checked_at TIMESTAMP WITH TIME ZONE NOT NULL,
        violations INTEGER NOT NULL CONSTRAINT invariant_check_violations_check CHECK (violations >= 0),
        sample TEXT[] NOT NULL,
        broken_since TIMESTAMP WITH TIME ZONE,
        CONSTRAINT invariant_check_pkey PRIMARY KEY (name, scope),
        CONSTRAINT invariant_check_since_check CHECK ((violations > 0) = (broken_since IS NOT NULL))
    )
    """,
    """
    CREATE TABLE invariant_run (
        scope TEXT NOT NULL CONSTRAINT invariant_run_scope_check CHECK (scope IN ('recent', 'full')),
        slot TIMESTAMP WITH TIME ZONE NOT NULL,
        taken_at TIMESTAMP WITH TIME ZONE NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT invariant_run_pkey PRIMARY KEY (scope)
    )
    """,
)

HEADING = """
CREATE FUNCTION ledger_heading(counts_units boolean, code text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN counts_units THEN regexp_replace(code, '[0-9a-f]{8}(-[0-9a-f]{4,12}){4}', '*') ELSE code END
$$
"""

# What is hashed is written as JSON, so that anybody can repeat it in any language; docs/ledger.md says how.
DIGESTS = """
CREATE FUNCTION ledger_digests(journal_ids uuid[]) RETURNS TABLE (journal_id uuid, digest bytea)
LANGUAGE sql STABLE
SET search_path = public, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
    SELECT asked.id, CASE WHEN journal.id IS NOT NULL THEN sha256(convert_to(json_build_array(
        journal.id, journal.source, journal.source_id, journal.kind, encode(journal.payload_sha, 'hex'),
        (extract(epoch FROM journal.effective_at) * 1000000)::bigint,
        (extract(epoch FROM journal.recorded_at) * 1000000)::bigint,
        journal.correlation_id, moved.postings
    )::text, 'UTF8')) END
    FROM unnest(journal_ids) AS asked (id)
    LEFT JOIN (
        journal CROSS JOIN LATERAL (
            SELECT json_agg(json_build_array(posting.id, debit.code, credit.code, posting.currency, posting.amount)
                             ORDER BY posting.id) AS postings
            FROM posting
            LEFT JOIN account AS debit ON debit.id = posting.debit_id
            LEFT JOIN account AS credit ON credit.id = posting.credit_id
            WHERE posting.journal_id = journal.id
        ) AS moved
    ) ON journal.id = asked.id
$$
"""

HASH = """
CREATE FUNCTION ledger_seal_hash(
    number bigint, previous bytea, sealed_at timestamptz, journals uuid[], digests bytea[]
) RETURNS bytea LANGUAGE sql STABLE
SET search_path = public, pg_temp
AS $$
    SELECT sha256(convert_to(json_build_array(
        number, encode(previous, 'hex'), (extract(epoch FROM sealed_at) * 1000000)::bigint,
        (SELECT coalesce(json_agg(json_build_array(entry.id, encode(entry.digest, 'hex')) ORDER BY entry.n), '[]')
         FROM unnest(journals, digests) WITH ORDINALITY AS entry (id, digest, n))
    )::text, 'UTF8'))
$$
"""

SEAL = """
CREATE FUNCTION ledger_seal(journals_max integer)
RETURNS TABLE (sealed_number bigint, sealed_hash bytea, sealed_journals integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    last record;
    waiting uuid[];
    ids uuid[]; shas bytea[];
    moment timestamptz;
BEGIN
    -- 1. One at a time: whoever holds the first seal writes the next one, and sees what the one before it wrote.
    PERFORM FROM seal WHERE seal.number = 0 FOR UPDATE;
    SELECT seal.number, seal.hash INTO last FROM seal ORDER BY seal.number DESC LIMIT 1;

    -- 2. Take whole rows of the queue, the oldest first, up to the size of a block.
    WITH queued AS (
        SELECT oldest.id,
            sum(cardinality(oldest.journals)) OVER (ORDER BY oldest.id) - cardinality(oldest.journals) AS before
        FROM (SELECT unsealed.id, unsealed.journals FROM unsealed ORDER BY unsealed.id LIMIT journals_max) AS oldest
    ), taken AS (
        DELETE FROM unsealed USING queued
        WHERE unsealed.id = queued.id AND queued.before < journals_max
        RETURNING unsealed.journals
    )
    SELECT array_agg(each.id) INTO waiting FROM taken CROSS JOIN unnest(taken.journals) AS each (id);
    IF waiting IS NULL THEN
        RETURN;
    END IF;

    -- 3. Write the block, chained to the one before it.
    SELECT array_agg(found.journal_id ORDER BY found.journal_id), array_agg(found.digest ORDER BY found.journal_id)
    INTO ids, shas
    FROM ledger_digests(waiting) AS found;
    moment := clock_timestamp();
    INSERT INTO seal (number, previous, journals, digests, sealed_at, hash)
    SELECT last.number + 1, last.hash, ids, shas, moment, ledger_seal_hash(last.number + 1, last.hash, moment, ids, shas)
    RETURNING seal.number, seal.hash, cardinality(seal.journals) INTO sealed_number, sealed_hash, sealed_journals;

    -- 4. Add what it holds to its days, whichever days these are: a fact that came late changes its own.
    INSERT INTO balance_daily (day, heading, currency, class, debits, credits)
    SELECT moved.day, ledger_heading(account.class = 'unit', account.code), account.currency, account.class,
        sum(moved.debits), sum(moved.credits)
    FROM (
        SELECT (posting.effective_at AT TIME ZONE 'UTC')::date AS day, side.account_id,
            sum(side.debits) AS debits, sum(side.credits) AS credits
        FROM unnest(ids) AS sealed (id)
        JOIN posting ON posting.journal_id = sealed.id
        CROSS JOIN LATERAL (VALUES (posting.debit_id, posting.amount, 0), (posting.credit_id, 0, posting.amount))
            AS side (account_id, debits, credits)
        GROUP BY 1, 2
    ) AS moved
    JOIN account ON account.id = moved.account_id
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3
    ON CONFLICT (day, heading, currency) DO UPDATE
    SET debits = balance_daily.debits + excluded.debits, credits = balance_daily.credits + excluded.credits;
    RETURN NEXT;
END
$$
"""

RECOUNT = """
CREATE FUNCTION ledger_recount(counted date) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
SET jit = off
AS $$
DECLARE
    rows integer;
BEGIN
    -- Nothing is sealed meanwhile, so what waits is exactly what is not in the days yet.
    PERFORM FROM seal WHERE seal.number = 0 FOR UPDATE;
    DELETE FROM balance_daily WHERE day = counted;
    INSERT INTO balance_daily (day, heading, currency, class, debits, credits)
    SELECT counted, ledger_heading(account.class = 'unit', account.code), account.currency, account.class,
        sum(side.debits), sum(side.credits)
    FROM posting
    CROSS JOIN LATERAL (VALUES (posting.debit_id, posting.amount, 0), (posting.credit_id, 0, posting.amount))
        AS side (account_id, debits, credits)
    JOIN account ON account.id = side.account_id
    WHERE posting.effective_at >= counted::timestamp AT TIME ZONE 'UTC'
      AND posting.effective_at < (counted + 1)::timestamp AT TIME ZONE 'UTC'
      AND NOT EXISTS (SELECT FROM unsealed CROSS JOIN unnest(unsealed.journals) AS waiting (id)
                      WHERE waiting.id = posting.journal_id)
    GROUP BY 2, 3, 4;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN rows;
END
$$
"""

REFERENCES = """
CREATE OR REPLACE FUNCTION posting_check_references() RETURNS trigger LANGUAGE plpgsql
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
    LEFT JOIN journal ON (journal.id, journal.effective_at) = (written.journal_id, written.effective_at)
    LEFT JOIN account AS debit ON (debit.id, debit.currency) = (written.debit_id, written.currency)
    LEFT JOIN account AS credit ON (credit.id, credit.currency) = (written.credit_id, written.currency)
    WHERE journal.id IS NULL OR debit.id IS NULL OR credit.id IS NULL
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Posting % names journal % of %, accounts % and % in %, and one of these does not exist.',
            orphan.id, orphan.journal_id, orphan.effective_at, orphan.debit_id, orphan.credit_id, orphan.currency
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$
"""

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
    INSERT INTO posting (journal_id, debit_id, credit_id, currency, amount, effective_at)
    SELECT journal_ids[move.journal], account_ids[move.debit], account_ids[move.credit], move.currency, move.amount,
        journal_effective_ats[move.journal]
    FROM unnest(posting_journals, posting_debits, posting_credits, posting_currencies, posting_amounts)
        AS move (journal, debit, credit, currency, amount)
    WHERE claimed_now IS NULL OR claimed_now[move.journal];

    -- 5. Say once for the whole batch what is still to be sealed.
    INSERT INTO unsealed (journals) VALUES (claimed);

    -- 6. Move each balance once. The loop locks them as they come, by account, which is one order for everybody.
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

# The chain starts with a seal of nothing. Journals that are there already wait to be sealed like new ones.
BEGINNING = (
    r"""
    INSERT INTO seal (number, previous, journals, digests, sealed_at, hash)
    SELECT 0, '\x', '{}', '{}', at, ledger_seal_hash(0, '\x', at, '{}', '{}') FROM clock_timestamp() AS at
    """,
    """
    INSERT INTO unsealed (journals)
    SELECT array_agg(id ORDER BY id) FROM (SELECT id, row_number() OVER (ORDER BY id) / 1000 AS part FROM journal) AS old
    GROUP BY part ORDER BY part
    """,
)
RIGHTS = tuple(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC" for function in ("ledger_seal", "ledger_recount"))


def upgrade() -> None:
    """Add what is new, and fill it from the books as they are."""
    functions = (HEADING, DIGESTS, HASH, SEAL, RECOUNT, REFERENCES, POST)
    for statement in (*EFFECTIVE, *TABLES, *functions, *BEGINNING, *RIGHTS):
        op.execute(statement)


def downgrade() -> None:
    """Refuse: seals would be lost."""
    message = "A downgrade would lose the seals of the books; mend forward with a new migration."
    raise NotImplementedError(message)
