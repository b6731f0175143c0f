import type { FunctionFacts, TypeFacts } from './dependency-catalogue';
import { provenStableFunctions } from './stable-functions';

/**
 * `proven`: the result follows from the arguments. `read`: the body is SQL, to be parsed. `look`: the body is to be
 * searched for anything that reads. A body that was parsed when the function was made is among its trees.
 */
export function judgeFunction(facts: FunctionFacts): 'proven' | 'read' | 'look' | 'unproven' {
  const { schema, language, volatility, source, isSecurityDefiner, hasSettings, isOfExtension, trees } =
    facts;
  if (facts.parts.length > 0) return 'proven';
  if (language === 'sql') {
    if (isSecurityDefiner) return 'unproven';
    if (trees.some((tree) => tree.includes('{QUERY '))) return 'proven';
    return hasSettings ? 'unproven' : 'read';
  }
  if (language === 'internal' || language === 'c') {
    if (volatility === 'i')
      return schema === 'pg_catalog' || language === 'c' || isOfExtension ? 'proven' : 'unproven';
    const isProven = schema === 'pg_catalog' && volatility === 's' && provenStableFunctions.has(source);
    return isProven ? 'proven' : 'unproven';
  }
  return language === 'plpgsql' && volatility === 'i' && !isSecurityDefiner ? 'look' : 'unproven';
}

/** Types of PostgreSQL whose texts follow pinned settings. regtype: definitions of the types are watched. */
const PINNED_TEXTS = new Set(
  `date,time without time zone,time with time zone,timestamp without time zone,timestamp with time zone,interval,money,xml,regtype,regconfig,regdictionary`.split(
    ',',
  ),
);

/** Why the text of a value of this type can depend on more than the value; undefined: it does not. */
export function whyUnprovenText({
  name,
  kind,
  isCatalogue,
  isOfExtension,
  isOutputImmutable,
}: TypeFacts): string | undefined {
  // The others are made of parts, or stand for a type that is known only later, which is among the types, too.
  if (kind !== 'b') return undefined;
  if (name.endsWith('[]')) return undefined;
  if (!isCatalogue && !isOfExtension)
    return `it uses the type ${name}, which is neither PostgreSQL's nor an extension's`;
  if (isOutputImmutable || (isCatalogue && PINNED_TEXTS.has(name))) return undefined;
  return `it uses the type ${name}, whose text depends on more than its value`;
}

/** Types that read the same text as the same value at any time, and yet are not marked so. */
const READ_ALIKE = new Set(['interval', 'money', 'xml']);

/** Whether a text is the same value of this type at any time. What is made of parts is as they are. */
export function isReadAlike({ name, kind, isCatalogue, isInputImmutable }: TypeFacts): boolean {
  if (kind !== 'b' || name.endsWith('[]')) return kind !== 'p';
  return isInputImmutable || (isCatalogue && READ_ALIKE.has(name));
}
