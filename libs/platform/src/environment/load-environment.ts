import { closestName, RivuletError } from '@rivulet/errors';
import { validateSync } from 'class-validator';
import { keepSecret } from '../logging/known-secrets';
import { redactSecrets } from '../logging/redaction';
import {
  kindOf,
  prefixOf,
  variablesOf,
  type EnvClass,
  type EnvValueKind,
  type EnvVariableMetadata,
} from './env-variable';
import { Environment } from './environment';

export interface UnknownVariable {
  variable: string;
  /** The known variable it may have been meant for. */
  suggestion: string | undefined;
}

export interface LoadedEnvironment {
  environment: Environment;
  /** Variables with the prefix of the app that no section reads: likely spelled wrong, so worth a warning. */
  unknownVariables: UnknownVariable[];
}

interface WrongVariable {
  field: string;
  reason: string;
  /** The text that was given, unless it is a secret. */
  shown: string | undefined;
}

/**
 * Reads and checks the whole environment at once. An empty variable counts as unset, as it does in a shell's `${x:-}`
 * and in most deployment files.
 *
 * @throws RivuletError ENVIRONMENT_INVALID, with one sentence that names every wrong variable
 */
export function loadEnvironment(
  sections: readonly EnvClass[],
  source: NodeJS.ProcessEnv = process.env,
): LoadedEnvironment {
  const wrong: WrongVariable[] = [];
  const loaded = sections.map((envClass) => loadSection(envClass, source, wrong));
  if (wrong.length > 0) throw refusal(wrong);
  return { environment: Environment.of(...loaded), unknownVariables: unknownVariables(sections, source) };
}

function loadSection(envClass: EnvClass, source: NodeJS.ProcessEnv, wrong: WrongVariable[]): object {
  const section = new envClass() as Record<string, unknown>;
  for (const variable of variablesOf(envClass)) {
    const problem = loadVariable(envClass, section, variable, source);
    if (problem !== undefined) wrong.push(problem);
  }
  return section;
}

function loadVariable(
  envClass: EnvClass,
  section: Record<string, unknown>,
  { property, variable, secret }: EnvVariableMetadata,
  source: NodeJS.ProcessEnv,
): WrongVariable | undefined {
  const text = source[variable]?.trim() ?? '';
  if (secret || URL.canParse(text)) keepSecret(text);
  const kind = kindOf(envClass, property, section[property]);
  const value = text === '' ? section[property] : kind.parse(text);
  const shown = text === '' ? undefined : secret ? '[hidden]' : shownText(kind, text);
  if (text !== '' && value === undefined)
    return { field: variable, reason: `must be ${kind.accepts}`, shown };
  section[property] = value;
  const reasons = violations(section, property);
  if (reasons.length === 0) return undefined;
  const reason = value === undefined ? `must be ${kind.accepts}` : reasons.join(' and ');
  return { field: variable, reason, shown };
}

function refusal(wrong: WrongVariable[]): RivuletError {
  const parts = wrong.map(({ field, reason, shown }) =>
    shown === undefined ? `${field} is not set and ${reason}` : `${field} is "${shown}" and ${reason}`,
  );
  return new RivuletError('ENVIRONMENT_INVALID', `${parts.join('; ')}.`, {
    errors: wrong.map(({ field, reason }) => ({ field, reason })),
  });
}

function shownText(kind: EnvValueKind, text: string): string {
  return kind.conceal ? kind.conceal(text) : redactSecrets(text);
}

/** The complaints of class-validator about one property, each as a sentence fragment. */
export function violations(env: object, property: string): string[] {
  const found = validateSync(env, { forbidUnknownValues: false }).find(
    (error) => error.property === property,
  );
  return Object.values(found?.constraints ?? {}).map((message) =>
    message.startsWith(`${property} `) ? message.slice(property.length + 1) : message,
  );
}

function unknownVariables(sections: readonly EnvClass[], source: NodeJS.ProcessEnv): UnknownVariable[] {
  const prefixes = sections.map(prefixOf).filter((prefix) => prefix !== undefined);
  const known = sections.flatMap(variablesOf).map(({ variable }) => variable);
  return Object.keys(source)
    .filter((variable) => prefixes.some((prefix) => variable.startsWith(prefix)) && !known.includes(variable))
    .map((variable) => ({ variable, suggestion: closestName(variable, known) }));
}
