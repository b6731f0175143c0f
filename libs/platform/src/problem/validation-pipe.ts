import { ValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import type { FieldError } from '@rivulet/errors';
import * as classTransformer from 'class-transformer';
import * as classValidator from 'class-validator';
import type { ValidationError } from 'class-validator';
import { BodyAcceptance } from './accept-body';
import { MAX_FIELD_ERRORS, type DtoClass } from './body-shape';
import { rememberRules } from './remember-rules';
import { requestInvalid } from './request-invalid';

const MAX_FIELD_CHARACTERS = 200;

/**
 * Checks what comes in against its DTO. An unknown field is an error: it is a misspelled one, or an attack. The cost
 * is bounded by earlier checks: the values of a body as it is parsed, then its lists and fields
 * (DeclaredInputGuard).
 */
export function validationPipe(): ValidationPipe {
  rememberRules();
  return new DtoPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    transform: true,
    validationError: { target: false, value: true },
    // The very instances that the decorators of the DTOs registered with.
    validatorPackage: classValidator,
    transformerPackage: classTransformer,
    exceptionFactory: (errors) => requestInvalid(fieldErrors(errors)),
  });
}

/** With the same result as without: what BodyAcceptance does not accept is looked at in full. */
class DtoPipe extends ValidationPipe {
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    return accepted(value, metadata) ?? ((await super.transform(value, metadata)) as unknown);
  }
}

function accepted(value: unknown, { type, metatype }: ArgumentMetadata): object | undefined {
  if (typeof metatype !== 'function' || typeof value !== 'object') return undefined;
  // A parser of queries gives them a prototype of its own.
  const fields = type === 'query' ? { ...value } : type === 'body' ? value : undefined;
  return BodyAcceptance.of(metatype as DtoClass).accept(fields);
}

/** Flattens class-validator's tree, whose depth and width the caller decides, to a list of bounded size. */
function fieldErrors(errors: ValidationError[]): FieldError[] {
  const found: FieldError[] = [];
  const pending = errors.map((error) => ({ error, parent: '' })).toReversed();
  while (pending.length > 0 && found.length < MAX_FIELD_ERRORS) {
    const { error, parent } = pending.pop()!;
    // The body itself has no name.
    const field = pathTo(parent, error.property ?? 'body');
    // An error of a list as a whole is reported only when none of its items has one.
    const reason = (error.children ?? []).length > 0 ? undefined : reasonOf(error);
    if (reason !== undefined) found.push({ field, reason });
    for (const child of (error.children ?? []).toReversed()) pending.push({ error: child, parent: field });
  }
  return found;
}

function pathTo(parent: string, property: string): string {
  const path = /^\d+$/.test(property)
    ? `${parent}[${property}]`
    : parent === ''
      ? property
      : `${parent}.${property}`;
  return path.length > MAX_FIELD_CHARACTERS ? `${path.slice(0, MAX_FIELD_CHARACTERS)}…` : path;
}

/** The last is of the decorator that is written first, which says what the value is to be at all. */
function reasonOf({ property, constraints = {}, value }: ValidationError): string | undefined {
  const last = Object.entries(constraints).at(-1);
  if (last === undefined) return undefined;
  const [name, message] = last;
  if (name === 'whitelistValidation') return 'is not a field of this request';
  if (value === undefined && property !== undefined) return 'is missing';
  return message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
}
