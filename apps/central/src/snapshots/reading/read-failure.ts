import type { Dataset } from '@rivulet/datasets';

/** A dataset could not be read for some scopes, whichever; the cause is what is told. */
export class ReadFailure extends Error {
  override name = 'ReadFailure';

  constructor(
    readonly dataset: Dataset,
    cause: unknown,
  ) {
    super(`Dataset ${dataset.schema.name} could not be read.`, { cause });
  }
}
