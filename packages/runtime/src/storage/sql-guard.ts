import { constants, type DatabaseSync } from "node:sqlite"

const { SQLITE_OK: allow, SQLITE_DENY: deny } = constants

/**
 * Functions that a guest's SQL may call. A list of what is known to be harmless: builds differ in what else they hold. Those with sqlite_ and
 * stat_ are what ALTER and ANALYZE are made of; SQLite lets nobody else call them.
 */
const functions = new Set(
  `abs changes char coalesce concat concat_ws format glob hex ifnull iif if instr last_insert_rowid length like likelihood likely lower ltrim max min
   nullif octet_length printf quote random randomblob replace round rtrim sign sqlite_source_id sqlite_version substr substring total_changes trim
   typeof unhex unicode unistr unistr_quote unlikely upper zeroblob
   date time datetime julianday unixepoch strftime timediff current_date current_time current_timestamp
   avg count group_concat string_agg sum total median percentile percentile_cont percentile_disc
   row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
   json jsonb json_array jsonb_array json_array_length json_error_position json_extract jsonb_extract json_insert jsonb_insert json_object
   jsonb_object json_patch jsonb_patch json_pretty json_remove jsonb_remove json_replace jsonb_replace json_set jsonb_set json_type json_valid
   json_quote json_group_array jsonb_group_array json_group_object jsonb_group_object -> ->>
   acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod pi pow power radians sin sinh sqrt tan
   tanh trunc match highlight bm25 snippet fts5_source_id fts5_get_locale fts5_locale
   stat_init stat_push stat_get sqlite_rename_column sqlite_rename_table sqlite_rename_test sqlite_rename_quotefix sqlite_drop_column
   sqlite_drop_constraint sqlite_add_constraint sqlite_find_constraint sqlite_fail`
    .split(/\s+/)
    .filter((name) => name !== ""),
)

/** Pragmas that tell of the schema, check it, or change how this connection's statements work. Names as in Cloudflare's documentation. */
const pragmas = new Set(
  `table_list table_info table_xinfo index_list index_info index_xinfo foreign_key_list foreign_key_check defer_foreign_keys quick_check optimize
   case_sensitive_like ignore_check_constraints legacy_alter_table recursive_triggers reverse_unordered_selects data_version`.split(
    /\s+/,
  ),
)

const modules = new Set(["fts5", "fts5vocab"])

const writes = new Set<number>([
  constants.SQLITE_CREATE_INDEX,
  constants.SQLITE_CREATE_TABLE,
  constants.SQLITE_CREATE_TRIGGER,
  constants.SQLITE_CREATE_VIEW,
  constants.SQLITE_DELETE,
  constants.SQLITE_DROP_INDEX,
  constants.SQLITE_DROP_TABLE,
  constants.SQLITE_DROP_TRIGGER,
  constants.SQLITE_DROP_VIEW,
  constants.SQLITE_INSERT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_ALTER_TABLE,
  constants.SQLITE_DROP_VTABLE,
])

const schemaChanges = new Set<number>([
  constants.SQLITE_CREATE_INDEX,
  constants.SQLITE_CREATE_TABLE,
  constants.SQLITE_CREATE_VIEW,
  constants.SQLITE_DROP_INDEX,
  constants.SQLITE_DROP_TABLE,
  constants.SQLITE_DROP_VIEW,
  constants.SQLITE_ALTER_TABLE,
  constants.SQLITE_DROP_VTABLE,
])

const reads = new Set<number>([constants.SQLITE_READ, constants.SQLITE_SELECT, constants.SQLITE_RECURSIVE])

/**
 * Says what SQL may do in an object's database. A guest's statements get schema, data, harmless functions and a few pragmas; never other files,
 * transactions of their own, temporary tables, extensions, or our tables. Our own statements get our tables only, so that no foreign key or
 * trigger of a guest's runs with them.
 */
export class SqlGuard {
  /** Whether the statement that is prepared or stepped is a guest's. */
  isGuest = false
  /** Set when a statement that changes something was prepared; whoever prepares clears it before. */
  sawWrite = false
  /** The same for one that changes what tables and columns there are. */
  sawSchemaChange = false
  /** While the database is set up. */
  isOff = true

  install(database: DatabaseSync): void {
    database.setAuthorizer((action, first, second, schema, inside) => {
      if (this.isOff) return allow
      return this.isGuest ? this.#guest(action, first, second, schema) : ours(action, first, second, inside)
    })
  }

  #guest(action: number, first: string | null, second: string | null, schema: string | null): number {
    if (action === constants.SQLITE_FUNCTION) return functions.has((second ?? "").toLowerCase()) ? allow : deny
    if (action === constants.SQLITE_PRAGMA) return this.#pragma(first, second)
    if (action === constants.SQLITE_CREATE_VTABLE) {
      this.sawWrite = true
      return modules.has((second ?? "").toLowerCase()) && !isReserved(first) ? allow : deny
    }
    if (reads.has(action)) return isReserved(first) ? deny : allow
    // Without a name it is about all tables, ours included, which does them no harm.
    if (action === constants.SQLITE_ANALYZE || action === constants.SQLITE_REINDEX) return this.#write()
    // Part of ALTER TABLE; there are no temporary tables for it to find.
    if (action === constants.SQLITE_UPDATE && first === "sqlite_temp_master") return allow
    if (!writes.has(action) || schema === "temp") return deny
    if (isReserved(first) || isReserved(second)) return deny
    if (schemaChanges.has(action)) this.sawSchemaChange = true
    return this.#write()
  }

  #write(): number {
    this.sawWrite = true
    return allow
  }

  #pragma(name: string | null, argument: string | null): number {
    if (!pragmas.has((name ?? "").toLowerCase())) return deny
    if (argument !== null) this.sawWrite = true
    return allow
  }
}

function ours(action: number, first: string | null, second: string | null, inside: string | null): number {
  if (inside !== null) return deny
  if (action === constants.SQLITE_SELECT || action === constants.SQLITE_TRANSACTION) return allow
  if (action === constants.SQLITE_SAVEPOINT) return allow
  if (action === constants.SQLITE_FUNCTION) return functions.has((second ?? "").toLowerCase()) ? allow : deny
  if (action === constants.SQLITE_PRAGMA) return ownPragmas.has(first ?? "") ? allow : deny
  return isReserved(first) && (reads.has(action) || writes.has(action)) ? allow : deny
}

const ownPragmas = new Set(["page_count", "page_size", "freelist_count"])

/** Names that begin like this are ours, as at Cloudflare. */
function isReserved(name: string | null): boolean {
  return name !== null && name.toLowerCase().startsWith("_cf_")
}
