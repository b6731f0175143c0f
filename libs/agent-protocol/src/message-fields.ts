import { RivuletError } from '@rivulet/errors';
import { agentLimits } from './limits';

export type Fields = Readonly<Record<string, unknown>>;

export function refuse(reason: string): never {
  throw new RivuletError('AGENT_MESSAGE_INVALID', `The message is not valid: ${reason}.`);
}

export function asFields(value: unknown, path: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(`${path} is not an object`);
  return value as Fields;
}

export function refuseUnknown(fields: Fields, known: readonly string[], path: string): void {
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown !== undefined) refuse(`${path} has an unknown field ${JSON.stringify(unknown.slice(0, 40))}`);
}

export function textOf(
  fields: Fields,
  name: string,
  path: string,
  pattern: RegExp,
  expected: string,
): string {
  const value = optionalTextOf(fields, name, path, pattern, expected);
  if (value === undefined) refuse(`${path}${name} is missing`);
  return value;
}

export function optionalTextOf(
  fields: Fields,
  name: string,
  path: string,
  pattern: RegExp,
  expected: string,
): string | undefined {
  if (!Object.hasOwn(fields, name)) return undefined;
  const value = fields[name];
  if (typeof value !== 'string' || !pattern.test(value)) refuse(`${path}${name} is not ${expected}`);
  return value;
}

/** Numbers, texts, switches and nulls by name; a list or an object in their place is refused. */
export function checkReported(data: Fields): void {
  const entries = Object.entries(data);
  if (entries.length > agentLimits.maxReportedFields)
    refuse(`data has more than ${agentLimits.maxReportedFields} fields`);
  let characters = 0;
  for (const [name, value] of entries) {
    if (name.length > agentLimits.maxNameLength || hasControl(name))
      refuse('data has a name that is too long, or has control characters');
    if (typeof value === 'object' && value !== null)
      refuse(`data.${name} is not a number, a text, true, false or null`);
    if (typeof value === 'string' && (value.length > agentLimits.maxReportedTextLength || hasControl(value)))
      refuse(
        `data.${name} is longer than ${agentLimits.maxReportedTextLength} characters, or has control characters`,
      );
    characters += name.length + (typeof value === 'string' ? value.length : 0);
    if (characters > agentLimits.maxReportedCharacters)
      refuse(`data has more than ${agentLimits.maxReportedCharacters} characters of names and texts`);
  }
}

/** Depth, count and lengths of any JSON, and NUL, which PostgreSQL cannot store. */
export function checkJson(
  value: unknown,
  depth = 1,
  budget = { values: agentLimits.maxValues as number },
): void {
  if (--budget.values < 0) refuse(`data has more than ${agentLimits.maxValues} values`);
  if (typeof value === 'string') checkText(value);
  if (typeof value !== 'object' || value === null) return;
  if (depth > agentLimits.maxDepth) refuse(`data is nested more than ${agentLimits.maxDepth} levels deep`);
  if (!Array.isArray(value)) for (const name of Object.keys(value)) checkText(name);
  for (const item of Object.values(value)) checkJson(item, depth + 1, budget);
}

function checkText(text: string): void {
  if (text.length > agentLimits.maxTextLength)
    refuse(`data has a text of more than ${agentLimits.maxTextLength} characters`);
  if (text.includes('\0')) refuse('data has a NUL character');
}

function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text);
}
