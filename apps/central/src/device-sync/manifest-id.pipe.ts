import { Injectable, type PipeTransform } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { patterns } from '@rivulet/protocol';

@Injectable()
export class ManifestIdPipe implements PipeTransform<string, string> {
  transform(value: string): string {
    if (patterns.ulid.test(value)) return value;
    throw new RivuletError('REQUEST_INVALID', 'The manifest id in the path is not a ULID.', {
      errors: [{ field: 'manifestId', reason: 'must be a ULID' }],
    });
  }
}
