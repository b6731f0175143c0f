import { createRequire } from 'node:module';
import { getMetadataStorage, ValidationTypes, type ValidationArguments } from 'class-validator';
import type { ValidationMetadata } from 'class-validator/types/metadata/ValidationMetadata';
import type { DtoClass } from './body-shape';
import { orUndefined } from './omittable';

/** The metadata that class-transformer has of a class. There is no public way to ask for it. */
const { defaultMetadataStorage: transformations } = createRequire(__filename)(
  'class-transformer/cjs/storage',
) as {
  defaultMetadataStorage: {
    findTypeMetadata(
      target: object,
      property: string,
    ): { options?: { discriminator?: unknown }; typeFunction(): DtoClass } | undefined;
    findTransformMetadatas(target: object, property: string, kind: number): { transformFn: object }[];
    getStrategy(target: object): string;
    getExposedProperties(target: object, kind: number): string[];
    getExcludedProperties(target: object, kind: number): string[];
  };
};
const PLAIN_TO_CLASS = 0;

type Condition = (object: object, value: unknown) => boolean;
type Check = (value: unknown, args: ValidationArguments) => unknown;

interface Field {
  name: string;
  /** Unless all of them hold, nothing is checked. */
  conditions: Condition[];
  checks: { check: Check; constraints: unknown[] }[];
  nested?: { isList: boolean; type: DtoClass };
}

/**
 * Makes a DTO of a body or query that is right, by the same rules as ValidationPipe and with the same result; and says nothing of
 * any other: that is left to ValidationPipe, as is every rule that is not plain (groups, promises, lists of values …).
 * What class-validator and class-transformer do for each object again is done once for its class.
 */
export class BodyAcceptance {
  private static readonly known = new WeakMap<DtoClass, BodyAcceptance>();

  static of(type: DtoClass): BodyAcceptance {
    const known = BodyAcceptance.known.get(type) ?? new BodyAcceptance(type);
    BodyAcceptance.known.set(type, known);
    return known;
  }

  /** Undefined of a class whose rules are not all plain. */
  private readonly fields: ReadonlyMap<string, Field> | undefined;

  private constructor(private readonly type: DtoClass) {
    this.fields = fieldsOf(type);
  }

  /** Undefined of what is wrong, or cannot be told here. */
  accept(body: unknown): object | undefined {
    if (this.fields === undefined || !isPlainObject(body)) return undefined;
    const made = new this.type() as Record<string, unknown>;
    for (const [name, value] of Object.entries(body)) {
      const field = this.fields.get(name);
      const own = field && valueOf(value, field);
      if (own === undefined) return undefined;
      made[name] = own;
    }
    for (const field of this.fields.values()) if (!this.isRight(made, field)) return undefined;
    return made;
  }

  private isRight(object: Record<string, unknown>, { name, conditions, checks }: Field): boolean {
    const value = object[name];
    if (!conditions.every((holds) => holds(object, value))) return true;
    const targetName = this.type.name;
    return checks.every(
      ({ check, constraints }) =>
        check(value, { targetName, property: name, object, value, constraints }) === true,
    );
  }
}

function valueOf(value: unknown, { nested }: Field): unknown {
  if (typeof value !== 'object') return nested === undefined ? value : undefined;
  if (value === null || nested === undefined || nested.isList !== Array.isArray(value)) return undefined;
  const acceptance = BodyAcceptance.of(nested.type);
  if (!nested.isList) return acceptance.accept(value);
  const items: object[] = [];
  for (const item of value as unknown[]) {
    const made = acceptance.accept(item);
    if (made === undefined) return undefined;
    items.push(made);
  }
  return items;
}

function fieldsOf(type: DtoClass): ReadonlyMap<string, Field> | undefined {
  const storage = getMetadataStorage();
  const rules = storage.getTargetValidationMetadatas(type, '', false, false);
  if (rules.length === 0 || isShaped(type) || !rules.every(isPlainRule)) return undefined;
  const fields = new Map<string, Field>();
  for (const [name, own] of Object.entries(storage.groupByPropertyName(rules))) {
    const field = fieldOf(type, name, own);
    if (field === undefined) return undefined;
    fields.set(name, field);
  }
  return fields;
}

/** Whether class-transformer leaves out, or renames, properties. */
function isShaped(type: DtoClass): boolean {
  return (
    transformations.getStrategy(type) !== 'none' ||
    transformations.getExposedProperties(type, PLAIN_TO_CLASS).length > 0 ||
    transformations.getExcludedProperties(type, PLAIN_TO_CLASS).length > 0
  );
}

function isPlainRule({ type, groups, always, each, validateIf, target }: ValidationMetadata): boolean {
  if ((groups ?? []).length > 0 || always !== undefined || validateIf || typeof target === 'string')
    return false;
  if (type === ValidationTypes.NESTED_VALIDATION || type === ValidationTypes.CONDITIONAL_VALIDATION)
    return true;
  return type === ValidationTypes.CUSTOM_VALIDATION && !each;
}

function fieldOf(type: DtoClass, name: string, rules: ValidationMetadata[]): Field | undefined {
  const made = transformations.findTypeMetadata(type, name);
  const nested = rules.filter((rule) => rule.type === ValidationTypes.NESTED_VALIDATION);
  const transforms = transformations.findTransformMetadatas(type, name, PLAIN_TO_CLASS);
  if (name in type.prototype || transforms.some(({ transformFn }) => transformFn !== orUndefined))
    return undefined;
  if (nested.length > 1 || (nested.length === 1) !== (made !== undefined)) return undefined;
  if (made?.options?.discriminator !== undefined) return undefined;
  const constraints = rules
    .filter((rule) => rule.type === ValidationTypes.CUSTOM_VALIDATION)
    .flatMap((rule) =>
      getMetadataStorage()
        .getTargetValidatorConstraints(rule.constraintCls)
        .map((constraint) => ({ constraint, constraints: rule.constraints })),
    );
  if (constraints.some(({ constraint }) => constraint.async)) return undefined;
  return {
    name,
    conditions: rules
      .filter((rule) => rule.type === ValidationTypes.CONDITIONAL_VALIDATION)
      .map((rule) => rule.constraints[0] as Condition),
    checks: constraints.map(({ constraint: { instance }, constraints: given }) => ({
      check: (value, args) => instance.validate(value, args),
      constraints: given,
    })),
    ...(made !== undefined && { nested: { isList: nested[0]!.each, type: made.typeFunction() } }),
  };
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
