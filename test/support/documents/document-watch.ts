/** A document as an edge gives it to its workers. */
export interface GivenDocument {
  version: number;
  url?: string;
  check?: number[];
}

/** The data of a version: it says its own number, so that a mixture of two would be seen. */
export function dataOf(version: number): { url: string; check: number[] } {
  return { url: `http://example.com/${version}`, check: [version, version] };
}

/** Sees every document that a worker takes, and says what none may take. */
export class DocumentWatch {
  readonly faults: string[] = [];
  /** The highest version that was reported as applied. */
  private highest = 0;

  get applied(): number {
    return this.highest;
  }

  heardApplied(version: number): void {
    this.highest = Math.max(this.highest, version);
  }

  look(document: GivenDocument): void {
    const { version, url, check } = document;
    const own = dataOf(version);
    if (url !== own.url || JSON.stringify(check) !== JSON.stringify(own.check))
      this.faults.push(`torn: ${JSON.stringify(document)}`);
    if (version < this.highest) this.faults.push(`${version} came after ${this.highest} was applied`);
  }
}
