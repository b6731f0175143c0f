import { Injectable, Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { AllowedTargets } from '../targets/allowed-targets';

/** As it was posted, without what is for the worker alone. */
export type ConfigurationDocument = Record<string, unknown>;

const HIDDEN = '[secret]';
/** Names the fields that hold secrets, as JSON Pointers: they are not shown. */
const SECRET_PATHS = 'secret_paths';

/** The configuration that the worker runs by. It is in memory alone: after a restart the agent sends it again. */
@Injectable()
export class WorkerConfiguration {
  private readonly logger = new Logger('Configuration');
  private current: { url: string; shown: ConfigurationDocument } | undefined;

  constructor(private readonly targets: AllowedTargets) {}

  /** @throws RivuletError WORKER_CONFIGURATION_INVALID · TASK_TARGET_REFUSED; then the one before stays in force */
  replace(posted: ConfigurationDocument): void {
    const { [SECRET_PATHS]: secretPaths, ...document } = posted;
    const url = document.config_url ?? document.url;
    if (typeof url !== 'string')
      throw new RivuletError(
        'WORKER_CONFIGURATION_INVALID',
        'The configuration has neither config_url nor url.',
      );
    this.targets.check(url);
    const paths = Array.isArray(secretPaths) ? secretPaths.filter((path) => typeof path === 'string') : [];
    this.current = { url, shown: hide(document, paths) };
    const { version } = document;
    this.logger.log(typeof version === 'number' ? `Runs version ${version}` : 'Runs a new configuration');
  }

  /** @throws RivuletError WORKER_UNCONFIGURED */
  get url(): string {
    return this.required.url;
  }

  /** Without secrets. @throws RivuletError WORKER_UNCONFIGURED */
  get shown(): ConfigurationDocument {
    return this.required.shown;
  }

  private get required(): NonNullable<typeof this.current> {
    if (this.current !== undefined) return this.current;
    throw new RivuletError('WORKER_UNCONFIGURED', 'The worker has not been given a configuration yet.');
  }
}

function hide(document: ConfigurationDocument, pointers: string[]): ConfigurationDocument {
  const copy = structuredClone(document);
  for (const pointer of pointers) {
    const path = pointer
      .split('/')
      .slice(1)
      .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = path.pop();
    let at: unknown = copy;
    for (const name of path) at = isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
    if (last !== undefined && isObject(at) && Object.hasOwn(at, last)) at[last] = HIDDEN;
  }
  return copy;
}

/** Lists, too: a pointer may lead through one. */
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
