import type { FunctionFacts } from './dependency-catalogue';
import { childOf, wordOf, type TreeNode, type TreeValue } from './node-tree';
import { timeZoneFunctions } from './stable-functions';

/**
 * Settings of the session by which PostgreSQL reads and prints values. `DateStyle of text` is the order of day and month
 * in what is read, `DateStyle` the form of what is printed.
 */
export type SessionSetting = 'TimeZone' | 'DateStyle' | 'DateStyle of text' | 'IntervalStyle' | 'lc_monetary';

/** A part of a query whose meaning depends on a setting. */
export interface SettingUse {
  setting: SessionSetting;
  /** `a cast of timestamp with time zone to date`, `date_trunc()` */
  what: string;
  /** The word in a query by which it is found: a function, a type, a keyword. */
  word: string;
  isCast: boolean;
}

/** A call, whose function is to be looked up. */
export interface CallFacts {
  /** Whether all that it asks for is the number of seconds since 1970. */
  isEpoch: boolean;
  argumentTypes: string[];
}

const TEXT_TYPES = new Set(['25', '1043', '1042', '705', '19']);
const TIMESTAMPTZ = '1184';
const MONEY = '790';
const INTERVAL = '1186';

/** By OID. */
const settingTypes: Record<string, { name: string; settings: SessionSetting[] }> = {
  1082: { name: 'date', settings: ['DateStyle'] },
  1114: { name: 'timestamp without time zone', settings: ['DateStyle'] },
  [TIMESTAMPTZ]: { name: 'timestamp with time zone', settings: ['DateStyle', 'TimeZone'] },
  [INTERVAL]: { name: 'interval', settings: ['IntervalStyle'] },
  [MONEY]: { name: 'money', settings: ['lc_monetary'] },
};

/** A cast between a text and a type whose texts follow a setting. Constant texts are looked at elsewhere. */
export function readTextCast(node: TreeNode): SettingUse[] {
  const argument = childOf(node, 'arg');
  const to = wordOf(node, 'resulttype') ?? '';
  const from = argument === undefined ? '' : (typeOf(argument) ?? '');
  if (TEXT_TYPES.has(from) && settingTypes[to] !== undefined && argument?.tag !== 'CONST') {
    const { name, settings } = settingTypes[to];
    return settings.map((setting) => ({
      setting: setting === 'DateStyle' ? 'DateStyle of text' : setting,
      what: `a cast of text to ${name}`,
      word: name.split(' ', 1)[0]!,
      isCast: true,
    }));
  }
  if (!TEXT_TYPES.has(to) || settingTypes[from] === undefined) return [];
  const { name, settings } = settingTypes[from];
  return settings.map((setting) => ({
    setting,
    what: `a cast of ${name} to text`,
    word: 'text',
    isCast: true,
  }));
}

/** CURRENT_DATE and others. */
export function clockUse(keyword: string): SettingUse {
  return { setting: 'TimeZone', what: keyword, word: keyword, isCast: false };
}

export function callOf(node: TreeNode): CallFacts {
  const nodes = (node.fields.get('args') ?? []).flat(2).filter(isNode);
  const [field] = nodes;
  return {
    isEpoch: field?.tag === 'CONST' && bytesText(field).includes(EPOCH),
    argumentTypes: nodes.flatMap((argument) => typeOf(argument) ?? []),
  };
}

function bytesText(constant: TreeNode): string {
  return (constant.fields.get('constvalue') ?? []).filter((value) => typeof value === 'string').join(' ');
}

/** `epoch` in the bytes of a constant. */
const EPOCH = '101 112 111 99 104';

function isNode(value: TreeValue): value is TreeNode {
  return typeof value === 'object' && !Array.isArray(value);
}

/** The type of an expression, as far as one field of its node says so. */
function typeOf(node: TreeNode): string | undefined {
  const fields =
    'vartype consttype paramtype funcresulttype opresulttype resulttype aggtype wintype casetype coalescetype minmaxtype type';
  const expression = node.tag === 'TARGETENTRY' ? (childOf(node, 'expr') ?? node) : node;
  return fields.split(' ').flatMap((field) => wordOf(expression, field) ?? [])[0];
}

const explicitZone = new Set(['timestamptz_trunc_zone', 'make_timestamptz_at_timezone']);
/** An hour at the change of the clocks, for intervals of days: not what anybody would look at psql for. */
const ofTheClockChange = new Set([
  'timestamptz_pl_interval',
  'timestamptz_mi_interval',
  'generate_series_timestamptz',
  'in_range_timestamptz_interval',
]);

const zoned = new Set(
  [...timeZoneFunctions(), 'timestamptz_to_char', 'to_timestamp'].filter(
    (name) => !explicitZone.has(name) && !ofTheClockChange.has(name),
  ),
);

const monetary = new Set(['cash_numeric', 'numeric_cash', 'int4_cash', 'int8_cash']);

/** Functions that print whatever they are given; in JSON dates have one form, and moments an offset. */
const printing = new Set(
  'concat concat_ws format array_to_string string_agg textanycat anytextcat'.split(' '),
);
const printingJson =
  /^(to_jsonb?|jsonb?_build_(array|object)|jsonb?_(object_)?agg(_strict|_unique)*|array_to_json|row_to_json)$/;

/** @param operator - by which it is called @param castTo - the type that a call as a cast makes */
export function usesOfCall(
  { name, schema, source }: FunctionFacts,
  calls: CallFacts[],
  operator: string | undefined,
  castTo: string | undefined,
): SettingUse[] {
  if (schema !== 'pg_catalog') return [];
  const use = (setting: SessionSetting): SettingUse => {
    if (operator !== undefined)
      return { setting, what: `the operator ${operator}`, word: operator, isCast: false };
    if (castTo === undefined) return { setting, what: `${name}()`, word: name, isCast: false };
    return { setting, what: `a cast to ${castTo}`, word: castTo.split(' ', 1)[0]!, isCast: true };
  };
  if (zoned.has(source))
    return calls.length > 0 && calls.every(({ isEpoch }) => isEpoch) ? [] : [use('TimeZone')];
  if (monetary.has(source)) return [use('lc_monetary')];
  const types = new Set(calls.flatMap(({ argumentTypes }) => argumentTypes));
  if (printingJson.test(name)) return types.has(TIMESTAMPTZ) ? [use('TimeZone')] : [];
  if (!printing.has(name)) return [];
  const settings = [...types].flatMap((type) => settingTypes[type]?.settings ?? []);
  return [...new Set(settings)].map(use);
}
