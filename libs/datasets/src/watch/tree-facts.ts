import { movingWord } from './moving-words';
import { callOf, clockUse, readTextCast, type CallFacts, type SettingUse } from './setting-uses';
import { childOf, nodesOf, wordOf, type TreeNode, type TreeValue } from './node-tree';

/** Facts in the nodes of parsed queries that decide whether the result can change by itself. */
export interface TreeFacts {
  relations: Set<string>;
  functions: Set<string>;
  /** Those of these that are called as casts, by the type that they make. */
  casts: Map<string, string>;
  operators: Set<string>;
  types: Set<string>;
  collations: Set<string>;
  /** Types whose input functions read values that are not known before. */
  readFromText: Set<string>;
  /** Text search configurations and dictionaries that are named. */
  textSearch: Set<string>;
  /** How often each constant text occurs. */
  texts: Map<string, number>;
  /** Calls by function, for what their arguments say. */
  calls: Map<string, CallFacts[]>;
  settings: SettingUse[];
  /** Whether a row of a table becomes one value, with all columns that the table has. */
  hasWholeRow: boolean;
  /** Why this cannot be proved to be watched, whatever the names above mean. */
  obstacle: string | undefined;
}

/** Reads the OIDs and obstacles out of parsed queries. */
export function readTreeFacts(values: readonly TreeValue[]): TreeFacts {
  const facts = emptyFacts();
  const harmless = new Set<TreeNode>();
  for (const node of nodesOf(values)) {
    readNode(node, facts);
    if (asksOnlyWhether(node))
      for (const inner of nodesOf([...node.fields.values()].flat())) harmless.add(inner);
    if (node.tag === 'VAR' && wordOf(node, 'varattno') === WHOLE_ROW && !harmless.has(node))
      facts.hasWholeRow = true;
  }
  return facts;
}

/** The number of the column that stands for all of them. */
const WHOLE_ROW = '0';

/** count(t) and t IS NULL tell nothing of the columns. */
function asksOnlyWhether(node: TreeNode): boolean {
  return node.tag === 'NULLTEST' || (node.tag === 'AGGREF' && wordOf(node, 'aggfnoid') === COUNT_ANY);
}

const COUNT_ANY = '2147';

function emptyFacts(): TreeFacts {
  return {
    relations: new Set(),
    functions: new Set(),
    casts: new Map(),
    operators: new Set(),
    types: new Set(),
    collations: new Set(),
    readFromText: new Set(),
    textSearch: new Set(),
    texts: new Map(),
    calls: new Map(),
    settings: [],
    hasWholeRow: false,
    obstacle: undefined,
  };
}

function readNode(node: TreeNode, facts: TreeFacts): void {
  facts.obstacle ??= obstacleOf(node);
  for (const [field, values] of node.fields) {
    const kind = kindOfField(node.tag, field);
    if (kind !== undefined) for (const oid of oidsOf(values)) facts[kind].add(oid);
  }
  if (node.tag !== 'CONST' && namesTextSearch(node)) {
    facts.obstacle ??= 'it chooses a text search configuration by a value';
  }
  readers[node.tag]?.(node, facts);
  readSettings(node, facts);
}

function readSettings(node: TreeNode, { calls, settings }: TreeFacts): void {
  const called = wordOf(node, 'funcid') ?? wordOf(node, 'opfuncid') ?? wordOf(node, 'aggfnoid');
  if (called !== undefined) calls.set(called, [...(calls.get(called) ?? []), callOf(node)]);
  if (node.tag === 'COERCEVIAIO') settings.push(...readTextCast(node));
  const keyword = node.tag === 'SQLVALUEFUNCTION' ? sqlValues[wordOf(node, 'op') ?? ''] : undefined;
  if (keyword !== undefined && !keyword.endsWith('SCHEMA') && keyword !== 'CURRENT_TIMESTAMP')
    settings.push(clockUse(keyword));
}

const readers: Record<string, (node: TreeNode, facts: TreeFacts) => void> = {
  FUNCEXPR: readCast,
  COERCEVIAIO: readCoercion,
  CONST: readConstant,
};

type OidKind = 'relations' | 'functions' | 'operators' | 'types' | 'collations';

/** Fields with OIDs, in PostgreSQL 14 to 18. */
const oidFields: Record<OidKind, ReadonlySet<string>> = {
  relations: new Set(['relid', 'resorigtbl']),
  functions: new Set(
    words('funcid opfuncid aggfnoid winfnoid hashfuncid negfuncid startInRangeFunc endInRangeFunc'),
  ),
  operators: new Set(words('opno opnos eqop sortop cycle_mark_neop')),
  types: new Set(
    words(`consttype vartype paramtype funcresulttype opresulttype aggtype aggtranstype aggargtypes wintype
      array_typeid element_typeid resulttype casetype typeId coalescetype ctecoltypes cycle_mark_type minmaxtype typid
      coltypes funccoltypes row_typeid colTypes refcontainertype refelemtype refrestype`),
  ),
  collations: new Set(
    words(`constcollid varcollid paramcollid funccollid inputcollid opcollid aggcollid wincollid array_collid
      resultcollid casecollid collation coalescecollid collOid ctecolcollations cycle_mark_collation minmaxcollid
      colcollations funccolcollations inputcollids colCollations refcollid inRangeColl`),
  ),
};

const oidKinds = Object.keys(oidFields) as OidKind[];

function kindOfField(tag: string, field: string): OidKind | undefined {
  if (field === 'type') return tag === 'SQLVALUEFUNCTION' || tag === 'XMLEXPR' ? 'types' : undefined;
  return oidKinds.find((kind) => oidFields[kind].has(field));
}

/** Single ones and those of lists; 0 stands for none. */
function* oidsOf(values: readonly TreeValue[]): Generator<string, void> {
  for (const value of values) {
    if (Array.isArray(value)) yield* oidsOf(value);
    else if (typeof value === 'string' && /^[1-9]\d*$/.test(value)) yield value;
  }
}

/** Nodes of a query that are known to say nothing more than their fields. Every other one is an obstacle. */
const knownNodes = new Set(
  words(`QUERY RTE RANGETBLENTRY RTEPERMISSIONINFO ALIAS VAR CONST PARAM AGGREF GROUPINGFUNC WINDOWFUNC SUBSCRIPTINGREF
    FUNCEXPR NAMEDARGEXPR OPEXPR DISTINCTEXPR NULLIFEXPR SCALARARRAYOPEXPR BOOLEXPR SUBLINK FIELDSELECT RELABELTYPE
    COERCEVIAIO ARRAYCOERCEEXPR CONVERTROWTYPEEXPR COLLATE COLLATEEXPR CASE CASEEXPR WHEN CASEWHEN CASETESTEXPR ARRAY
    ARRAYEXPR ROW ROWEXPR ROWCOMPARE ROWCOMPAREEXPR COALESCE COALESCEEXPR MINMAX MINMAXEXPR SQLVALUEFUNCTION XMLEXPR
    JSONFORMAT JSONRETURNING JSONVALUEEXPR JSONCONSTRUCTOREXPR JSONISPREDICATE NULLTEST BOOLEANTEST COERCETODOMAIN
    COERCETODOMAINVALUE TARGETENTRY RANGETBLREF JOINEXPR FROMEXPR SORTGROUPCLAUSE GROUPINGSET WINDOWCLAUSE
    ROWMARKCLAUSE COMMONTABLEEXPR CTESEARCHCLAUSE CTECYCLECLAUSE SETOPERATIONSTMT RANGETBLFUNCTION`),
);

/** Nodes that read text as other types, which may be a clock's. */
const namedObstacles: Record<string, string> = {
  TABLESAMPLECLAUSE: 'it takes a sample of a table',
  TABLEFUNC: 'it uses XMLTABLE or JSON_TABLE',
  JSONEXPR: 'it uses JSON_VALUE, JSON_QUERY or JSON_EXISTS',
};

/** By the numbers of SQLValueFunctionOp. The others are the session's role and database. */
const sqlValues: Record<string, string> = {
  0: 'CURRENT_DATE',
  1: 'CURRENT_TIME',
  2: 'CURRENT_TIME',
  3: 'CURRENT_TIMESTAMP',
  4: 'CURRENT_TIMESTAMP',
  5: 'LOCALTIME',
  6: 'LOCALTIME',
  7: 'LOCALTIMESTAMP',
  8: 'LOCALTIMESTAMP',
  14: 'CURRENT_SCHEMA',
};
const constantSqlValues = new Set(['9', '10', '11', '12', '13']);

/** By their numbers: VACUUM FULL gives rows another place, and a lock on a row writes the others. xmin is that of a write. */
const movingColumns: Record<string, string> = { '-1': 'ctid', '-3': 'cmin', '-4': 'xmax', '-5': 'cmax' };

function obstacleOf(node: TreeNode): string | undefined {
  const { tag } = node;
  if (tag === 'VAR') {
    const column = movingColumns[wordOf(node, 'varattno') ?? ''];
    return column && `it reads ${column}, which changes without a write`;
  }
  if (tag === 'SQLVALUEFUNCTION') {
    const op = wordOf(node, 'op') ?? '';
    return constantSqlValues.has(op)
      ? undefined
      : `it asks for ${sqlValues[op] ?? `the value ${op} of the session`}`;
  }
  if (knownNodes.has(tag)) return undefined;
  return namedObstacles[tag] ?? `it has a part that Rivulet does not know (${tag})`;
}

/** COERCE_EXPLICIT_CAST and COERCE_IMPLICIT_CAST: written, or put in, as casts. */
const CAST_FORMATS = new Set(['1', '2']);

function readCast(node: TreeNode, { casts }: TreeFacts): void {
  const [format, funcid, type] = ['funcformat', 'funcid', 'funcresulttype'].map((field) =>
    wordOf(node, field),
  );
  if (CAST_FORMATS.has(format ?? '') && funcid !== undefined && type !== undefined) casts.set(funcid, type);
}

/** A text that is known reads the same each time, unless it names a day by its distance from today. */
function readCoercion(node: TreeNode, { readFromText }: TreeFacts): void {
  const argument = childOf(node, 'arg');
  const text = argument?.tag === 'CONST' ? textOf(argument) : undefined;
  const type = wordOf(node, 'resulttype');
  if (type !== undefined && (text === undefined || movingWord(text) !== undefined)) readFromText.add(type);
}

/** Whether it gives a value of such a type that is not written in the query. */
function namesTextSearch(node: TreeNode): boolean {
  return ['vartype', 'paramtype', 'funcresulttype', 'resulttype'].some((field) =>
    [REGCONFIG, REGDICTIONARY].includes(wordOf(node, field) ?? ''),
  );
}

const REGCONFIG = '3734';
const REGDICTIONARY = '3769';

function readConstant(node: TreeNode, { texts, textSearch }: TreeFacts): void {
  const type = wordOf(node, 'consttype');
  const bytes = bytesOf(node);
  if (bytes === undefined) return;
  if (type === REGCONFIG || type === REGDICTIONARY) textSearch.add(String(bytes.readUInt32LE()));
  const text = textOf(node);
  if (text !== undefined) texts.set(text, (texts.get(text) ?? 0) + 1);
}

/** text, varchar, bpchar, json, xml */
const textTypes = new Set(['25', '1043', '1042', '114', '142']);
const UNKNOWN_TYPE = '705';
const LENGTH_BYTES = 4;

/** The value of a constant that is stored as its text. */
function textOf(constant: TreeNode): string | undefined {
  const type = wordOf(constant, 'consttype')!;
  const bytes = bytesOf(constant);
  if (bytes === undefined) return undefined;
  if (textTypes.has(type)) return bytes.subarray(LENGTH_BYTES).toString('utf8');
  return type === UNKNOWN_TYPE ? bytes.toString('utf8').replace(/\0$/, '') : undefined;
}

/** `7 [ 28 0 0 0 110 111 119 ]`: signed bytes. Undefined for NULL. */
function bytesOf(constant: TreeNode): Buffer | undefined {
  const values = constant.fields.get('constvalue') ?? [];
  const start = values.indexOf('[');
  return start === -1 ? undefined : Buffer.from(values.slice(start + 1, -1).map(Number));
}

function words(text: string): string[] {
  return text.split(/\s+/);
}
