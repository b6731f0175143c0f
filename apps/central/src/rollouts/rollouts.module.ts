import { Module } from '@nestjs/common';
import { OwnTables } from '@rivulet/platform';
import { CreateRollouts1795831200000 } from '../../../../db/central/migrations/1795831200000-create-rollouts';
import { UsersModule } from '../users/users.module';
import { ActiveRollouts } from './active-rollouts';
import { RolloutsController } from './http/rollouts.controller';
import { RolloutDriver } from './rollout-driver';
import { RolloutPages } from './rollout-page';
import { RolloutsIndicator } from './rollouts.indicator';
import { RolloutsMetrics } from './rollouts.metrics';
import { RolloutsService } from './rollouts.service';
import { RolloutStandings } from './store/rollout-standings';
import { RolloutStore } from './store/rollout-store';
import { RolloutSubjects } from './subjects/rollout-subjects';

/** Takes a version to the fleet in stages, and back. What goes out is brought by the features above. */
@Module({
  imports: [UsersModule],
  controllers: [RolloutsController],
  providers: [
    OwnTables,
    ActiveRollouts,
    RolloutDriver,
    RolloutPages,
    RolloutsIndicator,
    RolloutsMetrics,
    RolloutsService,
    RolloutStandings,
    RolloutStore,
    RolloutSubjects,
  ],
  exports: [ActiveRollouts, RolloutPages, RolloutsIndicator, RolloutsService, RolloutSubjects],
})
export class RolloutsModule {
  static readonly indicators = [RolloutsIndicator];
  static readonly migrations = [CreateRollouts1795831200000];
}
