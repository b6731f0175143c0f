import type { Type } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants';

/** The methods of a controller that are routes. */
export function routesOf({ prototype }: Type<object>): [string, PropertyDescriptor][] {
  return Object.entries(Object.getOwnPropertyDescriptors(prototype as object)).filter(
    ([, { value }]) => typeof value === 'function' && Reflect.hasMetadata(PATH_METADATA, value as object),
  );
}
