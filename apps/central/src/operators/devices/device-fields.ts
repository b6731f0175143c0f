import { Matches } from 'class-validator';
import { deviceNamePattern } from '../../devices/device';

export const exampleMac = '48:b0:2d:e9:c3:b7';
export const exampleTime = '2026-11-27T08:15:30.000Z';

/** The schema of labels in the OpenAPI document. */
export const labelsSchema = {
  type: 'object',
  additionalProperties: { type: 'string' },
  example: { site: 'SFO' },
} as const;

export function IsDeviceName(): PropertyDecorator {
  return Matches(deviceNamePattern, {
    message: 'must be 1 to 100 characters, none of them a control character',
  });
}
