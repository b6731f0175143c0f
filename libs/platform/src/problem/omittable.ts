import { Transform } from 'class-transformer';
import { IsOptional } from 'class-validator';

/** A field that a body may leave out. `null` counts as left out, and reaches nobody. */
export function Omittable(): PropertyDecorator {
  const isOptional = IsOptional();
  const dropNull = Transform(({ value }: { value: unknown }) => value ?? undefined);
  return (target, property) => {
    isOptional(target, property);
    dropNull(target, property);
  };
}
