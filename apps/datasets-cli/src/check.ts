import {
  inTransaction,
  isPostgresError,
  readSource,
  useCanonicalSettings,
  withClient,
} from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import type { Parameters } from '@rivulet/snapshot';
import type { ClientBase, Pool } from 'pg';
import {
  type Dataset,
  examineDatasetsFile,
  type Scope,
  SCOPE_ACTIVE_COLUMN,
  SCOPE_DEVICE_COLUMN,
  type ScopeDefinition,
} from '@rivulet/datasets';
import { cautionAboutDataset, cautionAboutOrder } from './dataset-cautions';
import { noFindings, type Findings } from './findings';
import type { KeyFacts } from './key-facts';
import { datasetStatement, parameterNames, planOf, type PlanNode } from './query-plan';
import { checkRows } from './row-checks';
import { findSampleDevices, tryScope } from './sample-devices';
import { tryQuery } from './try-query';

export interface CheckOptions {
  file: string;
  /** Whose rows to look at; a few are looked for when there are none. */
  macAddresses: string[];
  timeoutMs: number;
  maxRowBytes: number;
}

export interface CheckReport {
  file: string;
  findings: Findings;
  datasets: CheckedDataset[];
  /** Whose rows were looked at. */
  devices: string[];
}

export interface CheckedDataset {
  dataset: Dataset;
  parameters: string[];
  /** PostgreSQL's guess for any device, if it has one. Bytes are those of its own form, not of the canonical one. */
  estimate: { rows: number; bytes: number } | undefined;
  /** Of the device with most rows; undefined when none was looked at. */
  found: { rows: number; bytes: number } | undefined;
}

const SAMPLE_DEVICES = 3;

/** Datasets without parameters that are told one by one. */
const SAME_TOLD = 3;

/** Finds what is wrong with the file, with its queries, and with the rows that they return. */
export async function checkDatasetsFile(source: Pool, options: CheckOptions): Promise<CheckReport> {
  const { file } = options;
  const { scope, datasets, problems } = await examineDatasetsFile(file, source);
  const findings: Findings = { ...noFindings(), mistakes: problems };
  if (scope === undefined) return { file, findings, datasets: [], devices: [] };
  const isWhole = problems.isEmpty;
  return withClient(source, (client) =>
    inTransaction(client, readSource(options.timeoutMs), async () => {
      await useCanonicalSettings(client);
      const scopes = canBeAsked(scope) ? await findScopes(client, scope, options.macAddresses, findings) : [];
      const checked: CheckedDataset[] = [];
      for (const dataset of datasets)
        checked.push(await checkDataset(client, dataset, scope, scopes, options.maxRowBytes, findings));
      noteSameForAll(checked, findings);
      if (isWhole) noteUnusedParameters(scope, checked, findings);
      return { file, findings, datasets: checked, devices: scopes.map(({ macAddress }) => macAddress) };
    }),
  );
}

/** A scope query that is not right about these says nothing of a device. */
function canBeAsked({ columns }: ScopeDefinition): boolean {
  const active = columns.get(SCOPE_ACTIVE_COLUMN);
  return columns.has(SCOPE_DEVICE_COLUMN) && (active === undefined || active.type === 'boolean');
}

async function findScopes(
  client: ClientBase,
  definition: ScopeDefinition,
  macAddresses: string[],
  { mistakes, warnings }: Findings,
): Promise<Scope[]> {
  const place = definition.query.placeOf(0);
  if (macAddresses.length === 0) {
    const { scopes, failures } = await findSampleDevices(client, definition, SAMPLE_DEVICES);
    for (const failure of failures) mistakes.add(place, cured(failure, place));
    if (scopes.length === 0 && failures.length === 0) {
      warnings.add(
        place,
        'no active device was found in the tables of the scope query, so no rows were looked at, and keys may be ' +
          'NULL or repeated; name a device with --mac',
      );
    }
    return scopes;
  }
  const scopes: Scope[] = [];
  for (const macAddress of macAddresses) {
    const scope = await tryScope(client, definition, macAddress);
    if (scope instanceof RivuletError) mistakes.add(place, cured(scope, place));
    else scopes.push(scope);
  }
  return scopes;
}

async function checkDataset(
  client: ClientBase,
  dataset: Dataset,
  { columns }: ScopeDefinition,
  scopes: Scope[],
  maxRowBytes: number,
  findings: Findings,
): Promise<CheckedDataset> {
  await cautionAboutDataset(client, dataset, columns, findings);
  const facts = await readRowsOnce(client, dataset, scopes, maxRowBytes, findings);
  const rows = Math.max(...facts.map((fact) => fact.rows), 0);
  const plan = await genericPlan(client, dataset, columns, findings);
  if (plan !== undefined) await cautionAboutOrder(client, dataset, columns, plan, rows, findings);
  return {
    dataset,
    parameters: parameterNames(dataset.definition.query.template),
    estimate: plan && { rows: plan['Plan Rows'], bytes: plan['Plan Rows'] * plan['Plan Width'] },
    found: facts.toSorted((a, b) => b.rows - a.rows)[0],
  };
}

async function genericPlan(
  client: ClientBase,
  dataset: Dataset,
  columns: Parameters,
  { notes }: Findings,
): Promise<PlanNode | undefined> {
  const plan = await tryQuery(client, () => planOf(client, datasetStatement(dataset, columns, false)));
  if (!isPostgresError(plan)) return plan;
  const { name, query } = dataset.definition;
  notes.add(query.placeOf(0), `PostgreSQL has no plan for dataset ${name} without values: ${plan.message}`);
  return undefined;
}

/** Devices with the same values of the parameters have the same rows. */
async function readRowsOnce(
  client: ClientBase,
  dataset: Dataset,
  scopes: Scope[],
  maxRowBytes: number,
  findings: Findings,
): Promise<KeyFacts[]> {
  const seen = new Set<string>();
  const facts: KeyFacts[] = [];
  for (const scope of scopes) {
    const { statement } = datasetStatement(dataset, scope.parameters, true);
    if (seen.has(statement)) continue;
    seen.add(statement);
    const found = await checkRows(client, dataset, scope, maxRowBytes, findings);
    if (found !== undefined) facts.push(found);
  }
  return facts;
}

/** Many of them, as in a file that `init` has made, are told in one line. */
function noteSameForAll(checked: CheckedDataset[], { notes }: Findings): void {
  const shared = checked.filter(({ parameters }) => parameters.length === 0);
  const places = shared.map(({ dataset }) => dataset.definition.query.placeOf(0));
  const names = shared.map(({ dataset }) => dataset.schema.name);
  if (shared.length > SAME_TOLD) {
    const told = `${names.slice(0, SAME_TOLD).join(', ')} and ${names.length - SAME_TOLD} more`;
    notes.add(places[0]!, `datasets ${told} use no parameter, so every device gets the same rows`);
    return;
  }
  for (const [index, name] of names.entries()) {
    notes.add(places[index]!, `dataset ${name} uses no parameter, so every device gets the same rows`);
  }
}

function noteUnusedParameters(scope: ScopeDefinition, checked: CheckedDataset[], { notes }: Findings): void {
  const used = new Set(checked.flatMap(({ parameters }) => parameters));
  for (const name of scope.columns.keys()) {
    if (used.has(name) || name === SCOPE_DEVICE_COLUMN || name === SCOPE_ACTIVE_COLUMN) continue;
    notes.add(scope.query.placeOf(0), `the scope query returns ${name}, which no dataset uses`);
  }
}

function cured({ message, nextStep }: RivuletError, place: string): string {
  return `${message.replace(` at ${place}`, '')} ${nextStep}`;
}
