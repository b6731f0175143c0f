import { runInNewContext } from 'node:vm';
import { RivuletError, type FieldError } from '@rivulet/errors';
import { canonicalJson } from '@rivulet/protocol';
import Ajv2020, { type ErrorObject, type ValidateFunction } from 'ajv/dist/2020';
import { LRUCache } from 'lru-cache';

const SCHEMA_MAX_BYTES = 64 * 1024;
const ERRORS_MAX = 20;
/** A pattern that backtracks, or references that double, would take for ever, and nothing else would be answered. */
const CHECK_MAX_MS = 1_000;

/** Unknown keywords are mistakes; what is only bad style is not. */
const options = {
  strict: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  validateFormats: false,
  logger: false,
} as const;

const compiled = new LRUCache<string, ValidateFunction>({ max: 100 });

/** @throws RivuletError CONFIGURATION_SCHEMA_INVALID where it is no JSON Schema (draft 2020-12) */
export function compileSchema(schema: unknown): ValidateFunction {
  const text = canonicalJson(schema);
  const known = compiled.get(text);
  if (known !== undefined) return known;
  if (Buffer.byteLength(text) > SCHEMA_MAX_BYTES)
    throw invalid(`It has more than ${SCHEMA_MAX_BYTES} bytes as JSON.`);
  try {
    // An instance of its own: the ids of schemas are the operators', and may repeat. Nothing is loaded from elsewhere.
    const validate = limited(() => new Ajv2020(options).compile(JSON.parse(text) as object));
    compiled.set(text, validate);
    return validate;
  } catch (error) {
    if (error instanceof RivuletError) throw error;
    throw invalid((error as Error).message);
  }
}

/** @throws RivuletError CONFIGURATION_INVALID · CONFIGURATION_SCHEMA_INVALID */
export function checkAgainstSchema(schema: unknown, documents: { place: string; data: unknown }[]): void {
  if (schema === null || schema === undefined) return;
  const validate = compileSchema(schema);
  const errors = limited(() => errorsOf(validate, documents));
  if (errors.length === 0) return;
  const { field, reason } = errors[0]!;
  throw new RivuletError('CONFIGURATION_INVALID', `${field} ${reason}.`, {
    errors: errors.slice(0, ERRORS_MAX),
  });
}

function errorsOf(validate: ValidateFunction, documents: { place: string; data: unknown }[]): FieldError[] {
  const errors: FieldError[] = [];
  for (const { place, data } of documents) {
    if (!validate(data)) errors.push(...(validate.errors ?? []).map((error) => fieldError(place, error)));
    if (errors.length >= ERRORS_MAX) break;
  }
  return errors;
}

/** @throws RivuletError CONFIGURATION_SCHEMA_INVALID where it takes too long */
function limited<T>(work: () => T): T {
  try {
    // Not for what the context keeps apart, which is nothing here, but for its time limit.
    return runInNewContext('work()', { work }, { timeout: CHECK_MAX_MS }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw invalid(`Checking by it took longer than ${CHECK_MAX_MS} ms.`);
  }
}

function fieldError(place: string, { instancePath, message }: ErrorObject): FieldError {
  return { field: `${place}${instancePath}`.slice(0, 200), reason: message ?? 'is not valid' };
}

function invalid(reason: string): RivuletError {
  return new RivuletError('CONFIGURATION_SCHEMA_INVALID', `The JSON Schema cannot be used: ${reason}`);
}
