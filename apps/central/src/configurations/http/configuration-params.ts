import { Injectable, type PipeTransform } from '@nestjs/common';
import { requestInvalid } from '@rivulet/platform';
import { configurationNamePattern } from '@rivulet/protocol';

@Injectable()
export class ConfigurationNamePipe implements PipeTransform<string, string> {
  /** @throws RivuletError REQUEST_INVALID */
  transform(name: string): string {
    if (configurationNamePattern.test(name)) return name;
    throw requestInvalid([
      {
        field: 'name',
        reason: 'must be 1 to 64 of a to z, 0 to 9, - and _, with a letter or digit at both ends',
      },
    ]);
  }
}

@Injectable()
export class VersionNumberPipe implements PipeTransform<string, number> {
  /** @throws RivuletError REQUEST_INVALID */
  transform(text: string): number {
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
    throw requestInvalid([{ field: 'version', reason: 'must be a whole number from 1 on' }]);
  }
}
