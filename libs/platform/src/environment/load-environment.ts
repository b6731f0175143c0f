import { closestName, RivuletError } from '@rivulet/errors';
import { validateSync } from 'class-validator';
import { redactSecrets } from '../logging/redaction';
import { kindOf, prefixOf, variablesOf, type EnvClass, type EnvValueKind } from './env-variable';

export interface UnknownVariable {
  variable: string;
  /** The known variable it may have been meant for. */
  suggestion: string | undefined;
}

export interface LoadedEnvironment<T> {
  env: T;
  /** Variables with the prefix of the class that no property reads: likely spelled wrong, so worth a warning. */
  unknownVariables: UnknownVariable[];
}

/**
 * Reads and checks the whole environment at once. An empty variable counts as unset, as it does in a shell's `${x:-}`
 * and in most deployment files.
 *
 * @throws RivuletError ENVIRONMENT_INVALID, with one sentence that names every wrong variable
 */
export function loadEnvironment<T extends object>(
  envClass: EnvClass<T>,
  source: NodeJS.ProcessEnv = process.env,
): LoadedEnvironment<T> {
  const env = new envClass() as T & Record<string, unknown>;
  const wrong: { field: string; reason: string; shown: string | undefined }[] = [];

  for (const { property, variable, secret } of variablesOf(envClass)) {
    const text = source[variable]?.trim() ?? '';
    const kind = kindOf(envClass, property, env[property]);
    const value = text === '' ? env[property] : kind.parse(text);
    const shown = text === '' ? undefined : secret ? '[hidden]' : shownText(kind, text);
    if (text !== '' && value === undefined) {
      wrong.push({ field: variable, reason: `must be ${kind.accepts}`, shown });
      continue;
    }
    Object.assign(env, { [property]: value });
    const reasons = violations(env, property);
    if (reasons.length === 0) continue;
    wrong.push({
      field: variable,
      reason: value === undefined ? `must be ${kind.accepts}` : reasons.join(' and '),
      shown,
    });
  }

  if (wrong.length > 0) {
    const parts = wrong.map(({ field, reason, shown }) =>
      shown === undefined ? `${field} is not set and ${reason}` : `${field} is "${shown}" and ${reason}`,
    );
    throw new RivuletError('ENVIRONMENT_INVALID', `${parts.join('; ')}.`, {
      errors: wrong.map(({ field, reason }) => ({ field, reason })),
    });
  }
  return { env, unknownVariables: unknownVariables(envClass, source) };
}

function shownText(kind: EnvValueKind, text: string): string {
  return kind.conceal ? kind.conceal(text) : redactSecrets(text);
}

/** What class-validator says against the value of one property, each as a sentence fragment. */
export function violations(env: object, property: string): string[] {
  const found = validateSync(env, { forbidUnknownValues: false }).find(
    (error) => error.property === property,
  );
  return Object.values(found?.constraints ?? {}).map((message) =>
    message.startsWith(`${property} `) ? message.slice(property.length + 1) : message,
  );
}

function unknownVariables(envClass: EnvClass, source: NodeJS.ProcessEnv): UnknownVariable[] {
  const prefix = prefixOf(envClass);
  if (prefix === undefined) return [];
  const known = variablesOf(envClass).map(({ variable }) => variable);
  return Object.keys(source)
    .filter((variable) => variable.startsWith(prefix) && !known.includes(variable))
    .map((variable) => ({ variable, suggestion: closestName(variable, known) }));
}
