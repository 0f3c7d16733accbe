//! What must be in the database once the dump is loaded: as many rows in each table as the dump has,
//! and answers to what Immich itself asks first.

use std::collections::BTreeMap;

use super::server::{Server, from_hex, is_answer, query, single_number};
use super::{DrillOptions, DrillReport, RowsDiffer};
use crate::format::snapshot::Snapshot;
use crate::ops::Result;
use crate::source::database::{DumpContents, DumpTable, DumpedDatabase};

/// Tables that are counted by one psql.
const TABLES_AT_ONCE: usize = 50;

/// Counts the rows of every table of the dump.
pub(super) fn count_rows(
    server: &dyn Server,
    contents: &DumpContents,
    options: &DrillOptions,
    report: &mut DrillReport,
) -> Result<()> {
    let several = contents.databases.iter().filter(|it| !it.tables.is_empty());
    let several = several.count() > 1;
    for database in &contents.databases {
        let name = database.name.as_deref().unwrap_or(server.database());
        let tables: Vec<(&DumpTable, u64)> = database
            .tables
            .iter()
            .map(|(it, rows)| (it, *rows))
            .collect();
        for tables in tables.chunks(TABLES_AT_ONCE) {
            let found = count(server, name, tables, options)?;
            for ((table, expected), found) in tables.iter().zip(found) {
                report.tables += 1;
                report.rows += found.unwrap_or(0);
                if found != Some(*expected) {
                    report.rows_differ.push(RowsDiffer {
                        table: match several {
                            true => format!("{name}: {table}"),
                            false => table.to_string(),
                        },
                        expected: *expected,
                        found,
                    });
                }
            }
        }
    }
    Ok(())
}

fn count(
    server: &dyn Server,
    database: &str,
    tables: &[(&DumpTable, u64)],
    options: &DrillOptions,
) -> Result<Vec<Option<u64>>> {
    // Partitions and children have data blocks of their own.
    let one = |(number, (table, _)): (usize, &(&DumpTable, u64))| {
        format!("SELECT {number}, count(*) FROM ONLY {}", table.quoted())
    };
    let counts: Vec<String> = tables.iter().enumerate().map(one).collect();
    let sql = format!("{} ORDER BY 1", counts.join(" UNION ALL "));
    match query(server, database, &sql, &options.interrupt) {
        Ok(rows) => {
            let number = |row: &Vec<String>| row.get(1).and_then(|cell| cell.parse().ok());
            return Ok(rows.iter().map(number).collect());
        }
        Err(error) if is_answer(&error) => {}
        Err(error) => return Err(error),
    }
    // One of them is not there: which one?
    let mut found = Vec::with_capacity(tables.len());
    for (table, _) in tables {
        let sql = format!("SELECT count(*) FROM ONLY {}", table.quoted());
        found.push(match query(server, database, &sql, &options.interrupt) {
            Ok(rows) => Some(single_number(&rows)),
            Err(error) if is_answer(&error) => None,
            Err(error) => return Err(error),
        });
    }
    Ok(found)
}

/// Holds what the snapshot's record says of the dump against the dump itself.
pub(super) fn check_record(snapshot: &Snapshot, contents: &DumpContents, report: &mut DrillReport) {
    let Some(database) = &snapshot.database else {
        return;
    };
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for (table, rows) in contents.databases.iter().flat_map(|it| &it.tables) {
        *counted.entry(table.to_string()).or_default() += rows;
    }
    for (table, rows) in &database.rows.0 {
        let found = counted.get(table).copied();
        if found != Some(*rows) && counted.len() == database.rows.0.len() {
            report.problems.push(format!(
                "the snapshot says that the table {} has {rows} rows, the dump has {}",
                table.escape_debug(),
                found.unwrap_or(0)
            ));
        }
    }
}

/// The table of users that belongs to the assets' table.
fn users_table(immich: &DumpedDatabase, assets: &DumpTable) -> Option<DumpTable> {
    // `users` until Immich 1.135, `"user"` since.
    let named = |name: &str| DumpTable {
        schema: assets.schema.clone(),
        name: name.to_owned(),
    };
    let candidates = [named("user"), named("users")];
    candidates
        .into_iter()
        .find(|table| immich.tables.contains_key(table))
}

/// Asks what Immich asks: whose assets there are, and the newest one.
pub(super) fn ask(
    server: &dyn Server,
    immich: &DumpedDatabase,
    assets: &DumpTable,
    options: &DrillOptions,
    report: &mut DrillReport,
) -> Result<()> {
    let database = immich.name.as_deref().unwrap_or(server.database());
    let assets_sql = assets.quoted();
    if let Some(users) = users_table(immich, assets) {
        let sql = format!(
            "SELECT encode(convert_to(coalesce(to_jsonb(u)->>'name', to_jsonb(u)->>'email', ''), \
             'UTF8'), 'hex'), (SELECT count(*) FROM {assets_sql} a WHERE a.\"ownerId\" = u.id) \
             FROM {} u ORDER BY 2 DESC, 1 LIMIT 100",
            users.quoted()
        );
        match query(server, database, &sql, &options.interrupt) {
            Ok(rows) => report.users = rows.iter().filter_map(|row| user(row)).collect(),
            Err(error) if is_answer(&error) => report
                .problems
                .push("the assets of each user could not be counted".to_owned()),
            Err(error) => return Err(error),
        }
    }
    let sql = format!(
        "SELECT to_char(max(\"fileCreatedAt\") AT TIME ZONE 'UTC', \
         'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM {assets_sql}"
    );
    match query(server, database, &sql, &options.interrupt) {
        Ok(rows) => report.newest_asset = rows.into_iter().flatten().next(),
        Err(error) if is_answer(&error) => report
            .problems
            .push("the newest asset could not be found".to_owned()),
        Err(error) => return Err(error),
    }
    Ok(())
}

fn user(row: &[String]) -> Option<(String, u64)> {
    let name = from_hex(row.first()?);
    let count = row.get(1)?.parse().ok()?;
    Some((String::from_utf8_lossy(&name).into_owned(), count))
}
