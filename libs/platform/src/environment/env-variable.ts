// oxlint-disable-next-line import/no-unassigned-import -- adds Reflect.getMetadata
import 'reflect-metadata';

/** How the text of a variable becomes a value and back. Set by the decorators of env-values.ts. */
export interface EnvValueKind {
  /** The accepted values, as they continue a sentence: `a duration such as 30s`. */
  accepts: string;
  /** The value, or undefined when the text is not one. */
  parse(text: string): unknown;
  /** The value as one would write it in the environment. */
  format(value: unknown): string;
  /** The text as it may be shown to a person. */
  conceal?(text: string): string;
}

export interface EnvVariableMetadata {
  property: string;
  variable: string;
  description: string;
  secret: boolean;
}

export type EnvClass<T extends object = object> = new () => T;

const variablesOfClass = new WeakMap<object, EnvVariableMetadata[]>();
const prefixOfClass = new WeakMap<object, string>();
const kindsOfClass = new WeakMap<object, Map<string, EnvValueKind>>();

/** Variables of the environment that begin with the prefix and that no property reads are reported as unknown. */
export function EnvPrefix(prefix: string): ClassDecorator {
  return (target) => {
    prefixOfClass.set(target, prefix);
  };
}

/** The property takes its value from an environment variable; its initializer is the default. */
export function EnvVariable(
  variable: string,
  description: string,
  options: { secret?: boolean } = {},
): PropertyDecorator {
  return (target, property) => {
    const known = variablesOfClass.get(target.constructor) ?? [];
    known.push({ property: String(property), variable, description, secret: options.secret ?? false });
    variablesOfClass.set(target.constructor, known);
  };
}

export function EnvValue(kind: EnvValueKind): PropertyDecorator {
  return (target, property) => {
    const kinds = kindsOfClass.get(target.constructor) ?? new Map<string, EnvValueKind>();
    kindsOfClass.set(target.constructor, kinds.set(String(property), kind));
  };
}

/** Base classes come first, each in the order of declaration. */
export function variablesOf(envClass: EnvClass): EnvVariableMetadata[] {
  return lineage(envClass).flatMap((ancestor) => variablesOfClass.get(ancestor) ?? []);
}

export function prefixOf(envClass: EnvClass): string | undefined {
  return lineage(envClass)
    .map((ancestor) => prefixOfClass.get(ancestor))
    .findLast((prefix) => prefix !== undefined);
}

/** The declared kind, else one that fits the default or the declared type. */
export function kindOf(envClass: EnvClass, property: string, defaultValue: unknown): EnvValueKind {
  const declared = lineage(envClass)
    .map((ancestor) => kindsOfClass.get(ancestor)?.get(property))
    .findLast((kind) => kind !== undefined);
  if (declared) return declared;
  const type: unknown = Reflect.getMetadata('design:type', envClass.prototype as object, property);
  return typeof defaultValue === 'number' || type === Number ? numberKind : textKind;
}

function lineage(envClass: EnvClass): object[] {
  const classes: object[] = [];
  for (
    let current: unknown = envClass;
    typeof current === 'function' && current !== Function.prototype;
    current = Object.getPrototypeOf(current)
  ) {
    classes.unshift(current);
  }
  return classes;
}

const numberKind: EnvValueKind = {
  accepts: 'a number',
  parse: (text) => (/^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined),
  format: String,
};

const textKind: EnvValueKind = { accepts: 'a text', parse: (text) => text, format: String };
