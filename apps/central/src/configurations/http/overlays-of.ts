import { requestInvalid } from '@rivulet/platform';
import type { Overlay } from '../content/configuration-content';
import type { OverlayDto } from './versions.dto';

/** @throws RivuletError REQUEST_INVALID where one is for nobody or for two, or two are for the same */
export function overlaysOf(overlays: OverlayDto[] | undefined): Overlay[] | undefined {
  if (overlays === undefined) return undefined;
  const seen = new Set<string>();
  return overlays.map(({ label, device, data }, at) => {
    if ((label === undefined) === (device === undefined))
      throw requestInvalid([{ field: `overlays[${at}]`, reason: 'must have either label or device' }]);
    const target = label ?? device!;
    if (seen.has(target))
      throw requestInvalid([{ field: `overlays[${at}]`, reason: `is the second one for ${target}` }]);
    seen.add(target);
    return label === undefined ? { device: device!, data } : { label, data };
  });
}
