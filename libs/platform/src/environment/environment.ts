import type { EnvClass } from './env-variable';

/** The loaded environment of an app: an instance of each of its sections. A feature owns its section. */
export class Environment {
  private constructor(private readonly sections: ReadonlyMap<EnvClass, object>) {}

  static of(...sections: object[]): Environment {
    return new Environment(new Map(sections.map((section) => [section.constructor as EnvClass, section])));
  }

  /** @throws when the app did not load the section: a mistake in its composition */
  section<T extends object>(envClass: EnvClass<T>): T {
    const section = this.sections.get(envClass);
    if (section === undefined) throw new Error(`${envClass.name} is not part of this app's environment`);
    return section as T;
  }

  get all(): readonly object[] {
    return [...this.sections.values()];
  }
}
