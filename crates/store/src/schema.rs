//! The tables, and how an older database becomes today's.
//!
//! Times are microseconds since 1970 UTC, in columns that end in `_us`, for order and search; the thing itself
//! is JSON beside them, as the desk wrote it.
//! Invariant: a migration is never changed once it was released; a new one is added at the end. Each runs in a
//! transaction of its own, so that a database is at one number or the next, never between.

use rusqlite::{Connection, TransactionBehavior};

/// One step each, from number n to n + 1.
const MIGRATIONS: [&str; 3] = [FIRST, UNFINISHED, RECORDINGS];

/// The number of today's tables.
pub(crate) const NEWEST: u32 = MIGRATIONS.len() as u32;

/// "FrSt": tells our file from other SQLite databases.
const APPLICATION: u32 = 0x4672_5374;

const FIRST: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE calls (
    id          TEXT PRIMARY KEY,
    line        TEXT NOT NULL,
    office      TEXT NOT NULL,
    caller      TEXT,
    started_us  INTEGER NOT NULL,
    ended_us    INTEGER,
    outcome     TEXT,
    arrival     TEXT,
    record      TEXT,
    CHECK ((record IS NULL) = (ended_us IS NULL)),
    CHECK (record IS NOT NULL OR arrival IS NOT NULL)
) STRICT;
CREATE INDEX calls_by_time ON calls (started_us, id);

CREATE TABLE bookings (
    id          TEXT PRIMARY KEY,
    key         TEXT NOT NULL,
    calendar    TEXT NOT NULL,
    start_us    INTEGER NOT NULL,
    end_us      INTEGER NOT NULL,
    crew        INTEGER NOT NULL,
    call        TEXT NOT NULL,
    status      TEXT NOT NULL,
    made_us     INTEGER NOT NULL,
    booking     TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_visit_per_crew ON bookings (calendar, start_us, crew) WHERE status <> 'cancelled';
CREATE UNIQUE INDEX one_booking_per_key ON bookings (key) WHERE status <> 'cancelled';
CREATE INDEX bookings_by_time ON bookings (made_us, id);
CREATE INDEX bookings_by_call ON bookings (call);

CREATE TABLE callbacks (
    id          TEXT PRIMARY KEY,
    call        TEXT NOT NULL UNIQUE,
    urgency     TEXT NOT NULL,
    created_us  INTEGER NOT NULL,
    callback    TEXT NOT NULL
) STRICT;
CREATE INDEX callbacks_by_time ON callbacks (created_us, id);

CREATE TABLE messages (
    id          TEXT PRIMARY KEY,
    call        TEXT NOT NULL,
    urgency     TEXT NOT NULL,
    created_us  INTEGER NOT NULL,
    message     TEXT NOT NULL
) STRICT;
CREATE INDEX messages_by_time ON messages (created_us, id);
CREATE INDEX messages_by_call ON messages (call);
";

/// Calls that were under way are looked for at every start, among all that ever were.
const UNFINISHED: &str = "CREATE INDEX calls_under_way ON calls (started_us) WHERE record IS NULL;";

/// What became of a call's recording, which may be known before its record and after it.
const RECORDINGS: &str = "
CREATE TABLE recordings (
    call        TEXT PRIMARY KEY,
    started_us  INTEGER NOT NULL,
    recording   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Why the tables could not be made today's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    /// Written by a newer program.
    #[error("the database has schema {found} and this program knows up to {NEWEST}")]
    Newer { found: u32 },
    /// The file belongs to somebody else.
    #[error("the file is a database of another program")]
    Foreign,
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

/// The number a database is at; 0 for an empty file.
pub(crate) fn number(db: &Connection) -> Result<u32, Unfit> {
    let found: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: u32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, tables) {
        (APPLICATION, _) | (0, 0) => Ok(found),
        _ => Err(Unfit::Foreign),
    }
}

/// Brings the tables to today's number, step by step; gives the number they had.
pub(crate) fn migrate(db: &mut Connection) -> Result<u32, Unfit> {
    migrate_to(db, NEWEST)
}

fn migrate_to(db: &mut Connection, newest: u32) -> Result<u32, Unfit> {
    let before = number(db)?;
    if before > NEWEST {
        return Err(Unfit::Newer { found: before });
    }
    for (step, sql) in MIGRATIONS.iter().enumerate().take(newest as usize).skip(before as usize) {
        let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        change.execute_batch(sql)?;
        change.pragma_update(None, "application_id", APPLICATION)?;
        change.pragma_update(None, "user_version", step as u32 + 1)?;
        change.commit()?;
    }
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(db: &Connection) -> Vec<String> {
        let mut rows =
            db.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn every_older_database_becomes_the_same_as_a_new_one_and_keeps_its_rows() {
        let mut new = Connection::open_in_memory().unwrap();
        assert_eq!(migrate(&mut new).unwrap(), 0);
        for older in 1..NEWEST {
            let mut db = Connection::open_in_memory().unwrap();
            migrate_to(&mut db, older).unwrap();
            db.execute("INSERT INTO meta VALUES ('kept', 'yes')", []).unwrap();
            assert_eq!(migrate(&mut db).unwrap(), older);
            assert_eq!(number(&db).unwrap(), NEWEST);
            assert_eq!(tables(&db), tables(&new));
            let kept: String = db.query_row("SELECT value FROM meta", [], |row| row.get(0)).unwrap();
            assert_eq!(kept, "yes");
        }
    }

    #[test]
    fn a_database_of_a_newer_program_is_refused_untouched() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        db.pragma_update(None, "user_version", NEWEST + 1).unwrap();
        let error = migrate(&mut db).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("the database has schema {} and this program knows up to {NEWEST}", NEWEST + 1)
        );
    }

    #[test]
    fn a_database_of_another_program_is_refused() {
        let mut db = Connection::open_in_memory().unwrap();
        db.execute("CREATE TABLE recipes (id)", []).unwrap();
        assert!(matches!(migrate(&mut db), Err(Unfit::Foreign)));
    }

    #[test]
    fn a_migration_that_fails_leaves_the_database_where_it_was() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate_to(&mut db, 1).unwrap();
        db.execute("CREATE INDEX calls_under_way ON calls (id)", []).unwrap();
        assert!(migrate(&mut db).is_err());
        assert_eq!(number(&db).unwrap(), 1);
    }
}
