import { appRuntimeFile, readRuntimeFile, systemRuntimeFile } from '#scripts/runtime-file.mjs';
import { Failure } from '../failure';
import type { AppName } from './sql-arguments';

/** The URL of the database of an app that runs from this folder, else that of the environment. @throws Failure */
export function findDatabase(app: AppName): string {
  const variable = `${app.toUpperCase()}_DATABASE_URL`;
  const url =
    readRuntimeFile(systemRuntimeFile)?.[`${app}DatabaseUrl`] ??
    readRuntimeFile(appRuntimeFile(app))?.[`${app}DatabaseUrl`] ??
    process.env[variable];
  if (url) return url;
  throw new Failure(
    `Rivulet is not running here: start it with npm start in another terminal, or set ${variable}.`,
  );
}
