import { inTransaction, isPostgresError, readSource, withClient } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import type { Parameters } from '@rivulet/snapshot';
import type { ClientBase, Pool } from 'pg';
import {
  cureForReading,
  type Dataset,
  examineDatasetsFile,
  type Scope,
  SCOPE_ACTIVE_COLUMN,
  SCOPE_DEVICE_COLUMN,
  type ScopeDefinition,
} from '@rivulet/datasets';
import { cautionAboutWholeRows } from './column-leaks';
import {
  cautionAboutDataset,
  cautionAboutLocks,
  cautionAboutPolling,
  cautionAboutSort,
} from './dataset-cautions';
import { cautionAboutSettings, readSourceSettings } from './setting-cautions';
import { noFindings, type Findings } from './findings';
import type { KeyFacts } from './key-facts';
import { readLockRoom } from '../plan/lock-room';
import { allNodes, datasetStatement, parameterNames, planOf, type PlanNode } from '../plan/query-plan';
import { checkRows } from './row-checks';
import type { CommandProgress } from '../progress/command-progress';
import { allOf, inLanes } from '../source/in-lanes';
import { readWatches } from '../source/read-watches';
import { findSampleDevices, tryScope } from '../source/sample-devices';
import { tryQuery } from '../source/try-query';

export interface CheckOptions {
  file: string;
  /** The devices whose rows to check. If empty, a few are looked up. */
  macAddresses: string[];
  timeoutMs: number;
  maxRowBytes: number;
  progress?: CommandProgress;
}

export interface CheckReport {
  file: string;
  findings: Findings;
  datasets: CheckedDataset[];
  /** The devices whose rows were checked. */
  devices: string[];
}

export interface CheckedDataset {
  dataset: Dataset;
  parameters: string[];
  /** PostgreSQL's estimate for any device, if available. Its bytes are not those of the canonical form. */
  estimate: { rows: number; bytes: number } | undefined;
  /** The size for the device with most rows; undefined if none was checked. */
  found: { rows: number; bytes: number } | undefined;
}

const SAMPLE_DEVICES = 3;

/** Up to this many datasets without parameters get a note each. */
const MAX_SINGLE_NOTES = 3;

/** Checks the file, its queries, and the rows that they return. */
export async function checkDatasetsFile(source: Pool, options: CheckOptions): Promise<CheckReport> {
  const { file, progress } = options;
  progress?.stage('Describing queries');
  const examined = await examineDatasetsFile(file, source, (done, of) => progress?.update(done, of));
  const { scope, datasets, problems } = examined;
  const findings: Findings = { ...noFindings(), mistakes: problems };
  if (scope === undefined) return { file, findings, datasets: [], devices: [] };
  const isWhole = problems.isEmpty;
  progress?.stage('Finding devices');
  const scopes = canBeAsked(scope) ? await findScopes(source, scope, options, findings) : [];
  progress?.stage('Checking datasets');
  const checked = await checkDatasets(source, { scope, datasets, scopes }, options, findings);
  noteDatasetsWithoutParameters(checked, findings);
  if (isWhole) noteUnusedParameters(scope, checked, findings);
  return { file, findings, datasets: checked, devices: scopes.map(({ macAddress }) => macAddress) };
}

interface Checkable {
  scope: ScopeDefinition;
  datasets: Dataset[];
  scopes: Scope[];
}

/** Finds out what the queries depend on while the rows are read. */
async function checkDatasets(
  source: Pool,
  { scope, datasets, scopes }: Checkable,
  { timeoutMs, maxRowBytes, progress }: CheckOptions,
  findings: Findings,
): Promise<CheckedDataset[]> {
  let done = 0;
  const tell = ({ schema }: Dataset): void => progress?.update(++done, 2 * datasets.length, schema.name);
  const queries = datasets.map(({ definition }) => ({
    template: definition.query.template,
    parameters: scope.columns,
  }));
  const settings = await withClient(source, readSourceSettings);
  const [watches, checked] = await allOf([
    readWatches(source, queries, (index) => tell(datasets[index]!)),
    inLanes(source, readSource(timeoutMs), datasets, async (client, dataset) => {
      await cautionAboutDataset(client, dataset, scope.columns, findings);
      const result = await checkDataset(client, dataset, scope, scopes, maxRowBytes, findings);
      tell(dataset);
      return result;
    }),
  ] as const);
  for (const [index, dataset] of datasets.entries()) {
    cautionAboutPolling(dataset, watches[index]!, findings);
    cautionAboutWholeRows(dataset, watches[index]!, findings);
    cautionAboutSettings(dataset, watches[index]!, settings, findings);
  }
  return checked;
}

/** Without these columns the scope of a device cannot be resolved. */
function canBeAsked({ columns }: ScopeDefinition): boolean {
  const active = columns.get(SCOPE_ACTIVE_COLUMN);
  return columns.has(SCOPE_DEVICE_COLUMN) && (active === undefined || active.type === 'boolean');
}

async function findScopes(
  source: Pool,
  definition: ScopeDefinition,
  { macAddresses, timeoutMs }: CheckOptions,
  findings: Findings,
): Promise<Scope[]> {
  return withClient(source, (client) =>
    inTransaction(client, readSource(timeoutMs), async () => {
      return findScopesIn(client, source, definition, macAddresses, findings);
    }),
  );
}

async function findScopesIn(
  client: ClientBase,
  source: Pool,
  definition: ScopeDefinition,
  macAddresses: string[],
  { mistakes, warnings }: Findings,
): Promise<Scope[]> {
  const place = definition.query.placeOf(0);
  if (macAddresses.length === 0) {
    const { scopes, failures } = await findSampleDevices(client, source, definition, SAMPLE_DEVICES);
    for (const failure of failures) mistakes.add(place, describeError(failure, place));
    if (scopes.length === 0 && failures.length === 0) {
      warnings.add(
        place,
        'no active device was found in the tables of the scope query, so no rows were checked, and keys may be ' +
          'NULL or not unique; specify a device with --mac',
      );
    }
    return scopes;
  }
  const scopes: Scope[] = [];
  for (const macAddress of macAddresses) {
    const scope = await tryScope(client, definition, macAddress);
    if (scope instanceof RivuletError) mistakes.add(place, describeError(scope, place));
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
  const facts = await readRowsOnce(client, dataset, scopes, maxRowBytes, findings);
  const rows = Math.max(...facts.map((fact) => fact.rows), 0);
  const plan = await genericPlan(client, dataset, columns, findings);
  if (plan !== undefined) await cautionAboutSort(client, dataset, columns, plan, rows, findings);
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
  findings: Findings,
): Promise<PlanNode | undefined> {
  const planned = await tryQuery(client, async () => {
    const plan = await planOf(client, datasetStatement(dataset, columns, false));
    return { plan, locks: mayLockMany(plan) ? await readLockRoom(client) : undefined };
  });
  if (!isPostgresError(planned)) {
    if (planned.locks !== undefined) cautionAboutLocks(dataset, planned.locks, findings);
    return planned.plan;
  }
  const { name, query } = dataset.definition;
  const cure = cureForReading(planned);
  findings.notes.add(
    query.placeOf(0),
    `PostgreSQL cannot plan dataset ${name} without parameter values: ${planned.message}` +
      (cure === undefined ? '' : `. ${cure}`),
  );
  return undefined;
}

const MANY_NODES = 30;

/** Partitions that are left out only when the query runs are locked, too. */
function mayLockMany(plan: PlanNode): boolean {
  const nodes = allNodes(plan);
  return nodes.length > MANY_NODES || nodes.some((node) => node['Subplans Removed'] !== undefined);
}

/** Devices with equal parameter values have the same rows, which are read once. */
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

/** Many such datasets, as in a file from `init`, get one note. */
function noteDatasetsWithoutParameters(checked: CheckedDataset[], { notes }: Findings): void {
  const shared = checked.filter(({ parameters }) => parameters.length === 0);
  const places = shared.map(({ dataset }) => dataset.definition.query.placeOf(0));
  const names = shared.map(({ dataset }) => dataset.schema.name);
  if (shared.length > MAX_SINGLE_NOTES) {
    const told = `${names.slice(0, MAX_SINGLE_NOTES).join(', ')} and ${names.length - MAX_SINGLE_NOTES} more`;
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

function describeError({ message, nextStep }: RivuletError, place: string): string {
  return `${message.replace(` at ${place}`, '')} ${nextStep}`;
}
