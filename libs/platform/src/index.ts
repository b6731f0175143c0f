// First: it must run before anything else fills the heap.
import './bootstrap/limit-young-generation';
export { Access } from './access/access.decorator';
export { AccessControl } from './access/access-control';
/** @public */
export { CurrentPrincipal } from './access/access.guard';
/** @public */
export type { AccessRule } from './access/access-rule';
export type { Authenticator } from './access/authenticator';
export type { Principal, PrincipalRequest } from './access/principal';
export { LocalAuthenticator } from './access/local-authenticator';
export { RouteTable } from './access/route-table';
export { TakesBinary } from './bootstrap/body/binary-body';
/** @public */
export { BodyLimits } from './bootstrap/body/body-limits';
export { KeepRawBody, rawBodyOf } from './bootstrap/body/raw-body';
export * from './bootstrap/connections';
export { OwnTables, TableTransaction } from './database/own-tables';
export * from './bootstrap/create-app';
export * from './bootstrap/http-adapter';
export * from './bootstrap/open-api';
export * from './bootstrap/run-app';
export * from './bootstrap/start-failure';
/** @public */
export { UpgradeRouter, type Upgrade, type UpgradeHandler } from './bootstrap/upgrade-router';
export { Batched } from './concurrency/batched';
export { Coalesced } from './concurrency/coalesced';
export * from './database/bigint-as-number';
export * from './database/database-indicators';
export * from './database/database.module';
export { restoreTables } from './database/restore-tables';
export * from './database/run-migrations';
export * from './database/typeorm-options';
export { databaseAddress, waitForDatabase } from './database/wait-for-database';
export * from './environment/describe-environment';
export { EnvPrefix, EnvValue, EnvVariable, type EnvClass } from './environment/env-variable';
export * from './environment/env-values';
export { Environment } from './environment/environment';
export { EnvironmentModule } from './environment/environment.module';
export * from './environment/load-environment';
export { serverEnvironment } from './environment/server-environment';
export type { Feature } from './feature';
export * from './health/drain-state';
export * from './health/health-indicator';
export * from './health/health.module';
export * from './logging/logger';
export * from './logging/logging.module';
export * from './logging/redaction';
export * from './metrics/metrics.module';
export * from './problem/api-problems.decorator';
export * from './problem/error-status';
export { namedError } from './problem/named-error';
export * from './problem/problem';
export * from './problem/problem.dto';
export { CheckFirst } from './problem/check-first';
export { Omittable } from './problem/omittable';
export { requestInvalid } from './problem/request-invalid';
