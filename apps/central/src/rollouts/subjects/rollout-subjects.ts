import { Injectable } from '@nestjs/common';
import type { RolloutSubject } from './rollout-subject';

/** The subjects that go out in stages. A feature registers its own when it starts. */
@Injectable()
export class RolloutSubjects {
  private readonly byKind = new Map<string, RolloutSubject>();

  register(subject: RolloutSubject): void {
    this.byKind.set(subject.kind, subject);
  }

  of(kind: string): RolloutSubject {
    const subject = this.byKind.get(kind);
    if (subject === undefined) throw new Error(`Nothing of the kind ${kind} goes out in stages.`);
    return subject;
  }
}
