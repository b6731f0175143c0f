import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import type { Environment } from './environment';

/** Has every feature inject its section of the environment by its class, and `more` that is known before the app is. */
@Module({})
export class EnvironmentModule {
  static forRoot(environment: Environment, more: Exclude<Provider, Function>[] = []): DynamicModule {
    const sections = environment.all.map((section) => ({
      provide: section.constructor as new () => object,
      useValue: section,
    }));
    return {
      module: EnvironmentModule,
      global: true,
      providers: [...sections, ...more],
      exports: [...sections, ...more].map(({ provide }) => provide),
    };
  }
}
