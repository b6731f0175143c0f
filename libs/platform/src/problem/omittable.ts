import { Transform } from 'class-transformer';
import { IsOptional } from 'class-validator';

/** The transformation of {@link Omittable}. It leaves all but `null` as it is. */
export function orUndefined({ value }: { value: unknown }): unknown {
  return value ?? undefined;
}

/** A field that a body may leave out. `null` counts as left out, and reaches nobody. */
export function Omittable(): PropertyDecorator {
  const isOptional = IsOptional();
  const dropNull = Transform(orUndefined);
  return (target, property) => {
    isOptional(target, property);
    dropNull(target, property);
  };
}
