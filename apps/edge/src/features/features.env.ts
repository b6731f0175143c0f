import { EnvVariable, List } from '@rivulet/platform';
import { IsIn } from 'class-validator';

export const edgeFeatures = ['sync', 'configuration', 'collection', 'live'] as const;
export type EdgeFeature = (typeof edgeFeatures)[number];

export class FeaturesEnv {
  @EnvVariable(
    'EDGE_FEATURES',
    'The parts of the edge that run. Without sync and collection it uses no database.',
  )
  @List()
  @IsIn(edgeFeatures, { each: true, message: `must be of ${edgeFeatures.join(', ')}` })
  features: EdgeFeature[] = [...edgeFeatures];

  has(feature: EdgeFeature): boolean {
    return this.features.includes(feature);
  }

  get needsDatabase(): boolean {
    return this.has('sync') || this.has('collection');
  }
}
