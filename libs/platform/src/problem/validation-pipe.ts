import { ValidationPipe } from '@nestjs/common';
import { RivuletError, type FieldError } from '@rivulet/errors';
import * as classTransformer from 'class-transformer';
import * as classValidator from 'class-validator';
import type { ValidationError } from 'class-validator';

const MAX_ERRORS = 50;
const MAX_FIELD_CHARACTERS = 200;
const ERRORS_IN_DETAIL = 3;

/** Checks what comes in against its DTO. An unknown field is an error: it is a misspelled one, or an attack. */
export function validationPipe(): ValidationPipe {
  return new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    transform: true,
    validationError: { target: false, value: false },
    // The very instances that the decorators of the DTOs registered with.
    validatorPackage: classValidator,
    transformerPackage: classTransformer,
    exceptionFactory: (errors) => requestInvalid(fieldErrors(errors)),
  });
}

/** REQUEST_INVALID for fields that only the use case can judge, in the words of the pipe. */
export function requestInvalid(errors: FieldError[]): RivuletError {
  const named = errors.slice(0, ERRORS_IN_DETAIL).map(({ field, reason }) => `${field} ${reason}`);
  const more = errors.length > ERRORS_IN_DETAIL ? ['more in errors'] : [];
  return new RivuletError('REQUEST_INVALID', `${[...named, ...more].join('; ')}.`, { errors });
}

/** Flattens class-validator's tree, whose depth and width the caller decides, to a list of bounded size. */
function fieldErrors(errors: ValidationError[]): FieldError[] {
  const found: FieldError[] = [];
  const pending = errors.map((error) => ({ error, parent: '' })).toReversed();
  while (pending.length > 0 && found.length < MAX_ERRORS) {
    const { error, parent } = pending.pop()!;
    // The body itself has no name.
    const field = pathTo(parent, error.property ?? 'body');
    const [reason] = Object.entries(error.constraints ?? {}).map(([name, message]) =>
      reasonOf(name, message, error),
    );
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

function reasonOf(constraint: string, message: string, { property }: ValidationError): string {
  if (constraint === 'whitelistValidation') return 'is not a field of this request';
  return message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
}
