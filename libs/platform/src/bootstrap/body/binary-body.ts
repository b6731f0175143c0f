import { RivuletError } from '@rivulet/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';

import { addRouteConfig } from '../../routes/route-config';

interface BinaryRoute {
  binaryBody?: string;
}

/** Has a route take bodies of one media type as bytes. Their number is limited as that of JSON. */
export function TakesBinary(mediaType: string): MethodDecorator {
  return (_target, _property, { value }: PropertyDescriptor) =>
    addRouteConfig(value as object, { binaryBody: mediaType } satisfies BinaryRoute);
}

/** Bodies that are not JSON, for the routes that say that they take them. */
export function readBinaryBodies(instance: FastifyInstance): void {
  instance.addContentTypeParser(/^application\/vnd\./, { parseAs: 'buffer' }, (request, bytes, done) => {
    if (takenBy(request) === request.headers['content-type']) done(null, bytes);
    else done(new RivuletError('MEDIA_TYPE_UNSUPPORTED', 'This route does not take a body of this type.'));
  });
}

function takenBy({ routeOptions }: FastifyRequest): string | undefined {
  return (routeOptions.config as BinaryRoute).binaryBody;
}
