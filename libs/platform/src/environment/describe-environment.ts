import { kindOf, variablesOf, type EnvClass } from './env-variable';
import { violations } from './load-environment';

export interface EnvironmentRow {
  variable: string;
  /** As one would write it; empty when there is none. */
  default: string;
  accepts: string;
  description: string;
}

/** One row per variable, so that a test can hold the documentation against the code. */
export function describeEnvironment(sections: readonly EnvClass[]): EnvironmentRow[] {
  return sections.flatMap(describeSection);
}

function describeSection(envClass: EnvClass): EnvironmentRow[] {
  const defaults = new envClass() as Record<string, unknown>;
  return variablesOf(envClass).map(({ property, variable, description, secret }) => {
    const value = defaults[property];
    const kind = kindOf(envClass, property, value);
    const shown = value === undefined || value === null ? '' : kind.format(value);
    return {
      variable,
      default: secret && shown !== '' ? '[hidden]' : shown,
      accepts: [kind.accepts, ...constraintsOf(envClass, property)].join(', '),
      description,
    };
  });
}

/** A value of no usable type violates every constraint, and class-validator then words all of them. */
function constraintsOf(envClass: EnvClass, property: string): string[] {
  const env = Object.assign(new envClass(), { [property]: Symbol('violates everything') });
  return violations(env, property);
}
