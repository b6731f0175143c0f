import type { DtoClass } from './body-shape';

type Check = (body: Record<string, unknown>) => void;

const checks = new WeakMap<object, Check>();

/** Has `check` look at a body before anything else of the DTO is judged, such as fields that it does not know. */
export function CheckFirst(check: Check): ClassDecorator {
  return (dto) => {
    checks.set(dto, check);
  };
}

export function firstCheckOf(dto: DtoClass): Check | undefined {
  return checks.get(dto);
}
