import { applyDecorators } from '@nestjs/common';
import { patterns } from '@rivulet/protocol';
import { Transform } from 'class-transformer';
import { IsInt, Matches, Max, Min } from 'class-validator';

export const exampleUlid = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
/** The parameter of a route that names a schema, a job or a run. */
export const idParam = { name: 'id', description: 'ULID', example: exampleUlid };
export const exampleTime = '2026-11-27T08:15:30.000Z';

export function IsUlid(options: { each?: boolean } = {}): PropertyDecorator {
  return Matches(patterns.ulid, { ...options, message: 'must be a ULID' });
}

/** A name that a person gives. */
export function IsTitle(): PropertyDecorator {
  return Matches(/^[^\p{Cc}]{1,200}$/u, {
    message: 'must be 1 to 200 characters, none of them a control character',
  });
}

/** A name of a column or table. PostgreSQL cuts longer ones off. */
export function IsSqlName(options: { each?: boolean } = {}): PropertyDecorator {
  return Matches(/^[\p{L}_][\p{L}\p{N}_$]{0,62}$/u, {
    ...options,
    message: 'must be a name of at most 63 letters, digits and _, which begins with a letter or _',
  });
}

/** How many are on a page, as a query parameter. */
export function IsPageSize(most: number): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => (/^\d{1,5}$/.test(String(value)) ? Number(value) : value)),
    IsInt(),
    Min(1),
    Max(most),
  );
}
