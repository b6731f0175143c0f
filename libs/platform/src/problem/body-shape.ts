import { createRequire } from 'node:module';
import type { FieldError } from '@rivulet/errors';
import { getMetadataStorage } from 'class-validator';
import type { ValidationMetadata } from 'class-validator/types/metadata/ValidationMetadata';

/** Which class a property is made into. There is no public way to ask; Nest's own packages do it so, too. */
const { defaultMetadataStorage } = createRequire(__filename)('class-transformer/cjs/storage') as {
  defaultMetadataStorage: {
    findTypeMetadata(target: object, property: string): { typeFunction(): DtoClass } | undefined;
  };
};

/** The most errors in one answer: nobody corrects more at a time. */
export const MAX_FIELD_ERRORS = 50;

/** The limit of every list that declares no other with ArrayMaxSize. */
const DEFAULT_MAX_ITEMS = 1_000;

export type DtoClass = new () => object;

interface Property {
  maxItems: number;
  isRequired: boolean;
  /** Its class, where it is an object or a list of objects that are validated themselves. */
  nested?: { isList: boolean; type: DtoClass };
}

/**
 * What a DTO's decorators say of lists, objects and fields, for a look at a raw value that stops at the first few
 * errors. class-validator makes several objects for each wrong value, and takes a list of lists for a list of objects.
 */
export class BodyShape {
  private static readonly known = new WeakMap<DtoClass, BodyShape>();

  static of(type: DtoClass): BodyShape {
    const known = BodyShape.known.get(type) ?? new BodyShape(type);
    BodyShape.known.set(type, known);
    return known;
  }

  private readonly properties = new Map<string, Property>();

  private constructor(type: DtoClass) {
    const storage = getMetadataStorage();
    const rules = storage.getTargetValidationMetadatas(type, '', true, false);
    for (const [name, own] of Object.entries(storage.groupByPropertyName(rules)))
      this.properties.set(name, propertyOf(type, name, own));
  }

  get names(): string[] {
    return [...this.properties.keys()];
  }

  /** Whether nothing at all is a valid value. */
  get isOptional(): boolean {
    return ![...this.properties.values()].some(({ isRequired }) => isRequired);
  }

  /** Wrong lists and objects; fields that are not known, when these are too many for an answer. */
  errorsOf(body: unknown): FieldError[] {
    const errors: FieldError[] = [];
    this.check(body, '', errors);
    return errors;
  }

  /** Adds what is wrong, until there is enough. */
  check(value: unknown, path: string, errors: FieldError[]): void {
    if (!isPlainObject(value)) {
      errors.push({ field: path === '' ? 'body' : path, reason: 'must be an object' });
      return;
    }
    this.checkNames(value, path, errors);
    for (const [name, property] of this.properties) {
      if (errors.length >= MAX_FIELD_ERRORS) return;
      const field = Object.hasOwn(value, name) ? value[name] : undefined;
      if (field !== undefined && field !== null) checkField(field, pathTo(path, name), property, errors);
    }
  }

  private checkNames(value: Record<string, unknown>, path: string, errors: FieldError[]): void {
    const names = Object.keys(value);
    if (names.length < this.properties.size + MAX_FIELD_ERRORS) return;
    for (const name of names) {
      if (errors.length >= MAX_FIELD_ERRORS) return;
      if (this.properties.has(name)) continue;
      errors.push({ field: pathTo(path, name), reason: 'is not a field of this request' });
    }
  }
}

function propertyOf(type: DtoClass, name: string, rules: ValidationMetadata[]): Property {
  const nested = rules.filter((rule) => rule.type === 'nestedValidation');
  const nestedType = defaultMetadataStorage.findTypeMetadata(type, name)?.typeFunction();
  const maxItems = rules.find((rule) => rule.name === 'arrayMaxSize')?.constraints[0] as number | undefined;
  return {
    maxItems: maxItems ?? DEFAULT_MAX_ITEMS,
    isRequired: !rules.some((rule) => rule.type === 'conditionalValidation'),
    ...(nested.length > 0 &&
      nestedType && { nested: { isList: nested.some(({ each }) => each), type: nestedType } }),
  };
}

function checkField(
  value: unknown,
  path: string,
  { nested, maxItems }: Property,
  errors: FieldError[],
): void {
  if (Array.isArray(value) && value.length > maxItems) {
    errors.push({ field: path, reason: `must contain no more than ${maxItems} elements` });
  } else if (nested && nested.isList !== Array.isArray(value)) {
    errors.push({ field: path, reason: nested.isList ? 'must be an array' : 'must be an object' });
  } else if (nested) {
    const shape = BodyShape.of(nested.type);
    if (!Array.isArray(value)) shape.check(value, path, errors);
    else checkItems(value, path, shape, errors);
  }
}

function checkItems(items: unknown[], path: string, shape: BodyShape, errors: FieldError[]): void {
  for (const [index, item] of items.entries()) {
    if (errors.length >= MAX_FIELD_ERRORS) return;
    shape.check(item, `${path}[${index}]`, errors);
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pathTo(parent: string, name: string): string {
  const short = name.length > 64 ? `${name.slice(0, 64)}…` : name;
  return parent === '' ? short : `${parent}.${short}`;
}
