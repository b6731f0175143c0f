import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { IsBoolean, IsEmail, IsIn, IsInt, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import type { ApiKey } from '../api-keys/api-keys';
import { roles, type Role } from '../role';
import type { Session } from '../sessions/sessions';
import { usernamePattern, type User } from '../user';

const exampleId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const exampleTime = '2026-11-27T08:15:30.000Z';
const examplePassword = 'correct horse battery staple';
const usernameRule = { message: 'must be 1 to 64 letters, digits and . _ -, and not anyone' };
const keyNameRule = { message: 'must be 1 to 100 characters' };

export class NewUserDto {
  @ApiProperty({ description: 'The name that the user logs in with.', example: 'ada' })
  @Matches(usernamePattern, usernameRule)
  username: string;

  @ApiPropertyOptional({
    description: 'An e-mail address that the user may log in with, too.',
    example: 'ada@example.com',
  })
  @Omittable()
  @IsEmail()
  @MaxLength(254)
  email?: string;

  @ApiProperty({ description: 'The role of the user.', enum: roles })
  @IsIn(roles)
  role: Role;

  @ApiPropertyOptional({
    description:
      'At least 12 characters. Missing: a random one, in the answer. It must be changed at the first login.',
    example: examplePassword,
  })
  @Omittable()
  @IsString()
  @MaxLength(256)
  password?: string;
}

export class UserChangesDto {
  @ApiPropertyOptional({ description: 'The e-mail address.', example: 'ada@example.com' })
  @Omittable()
  @IsEmail()
  @MaxLength(254)
  email?: string;

  @ApiPropertyOptional({ description: 'The role of the user.', enum: roles })
  @Omittable()
  @IsIn(roles)
  role?: Role;

  @ApiPropertyOptional({
    description: 'Whether the user is locked out; sessions end, and API keys do not work.',
    example: true,
  })
  @Omittable()
  @IsBoolean()
  isDisabled?: boolean;
}

export class PasswordChangeDto {
  @ApiProperty({ description: 'The present one.', example: 'the one from the log' })
  @IsString()
  @MaxLength(1_024)
  currentPassword: string;

  @ApiProperty({ description: 'At least 12 characters.', example: examplePassword })
  @IsString()
  @MaxLength(256)
  newPassword: string;
}

export class NewApiKeyDto {
  @ApiProperty({ description: 'The purpose.', example: 'enrolment in the factory' })
  @Matches(/^[^\p{Cc}]{1,100}$/u, keyNameRule)
  name: string;

  @ApiPropertyOptional({
    description: 'The role of the key; never above that of its owner.',
    enum: roles,
    default: 'viewer',
  })
  @Omittable()
  @IsIn(roles)
  role?: Role;

  @ApiPropertyOptional({ description: 'How long it works, in days.', default: 90, minimum: 1, maximum: 366 })
  @Omittable()
  @IsInt()
  @Min(1)
  @Max(366)
  expiresInDays?: number;
}

export class UserDto implements User {
  @ApiProperty({ description: 'ULID.', example: exampleId })
  userId: string;

  @ApiProperty({ description: 'The name that the user logs in with.', example: 'ada' })
  username: string;

  @ApiProperty({ description: 'The e-mail address.', example: null, nullable: true, type: String })
  email: string | null;

  @ApiProperty({ description: 'The role of the user.', enum: roles })
  role: Role;

  @ApiProperty({ description: 'Whether the password must be changed first.', example: false })
  mustChangePassword: boolean;

  @ApiProperty({ description: 'Whether the user is locked out.', example: false })
  isDisabled: boolean;

  @ApiProperty({ description: 'When the user was made.', example: exampleTime })
  createdAt: Date;

  @ApiProperty({ description: 'When anything of this was changed last.', example: exampleTime })
  changedAt: Date;

  @ApiProperty({ description: 'When the password was set.', example: exampleTime })
  passwordChangedAt: Date;

  @ApiProperty({ description: 'The last login.', example: exampleTime, nullable: true, type: String })
  lastLoginAt: Date | null;
}

export class CreatedUserDto extends UserDto {
  @ApiPropertyOptional({
    description: 'Where none was given. It is shown this once.',
    example: 'Qm9ErTykPrKqmxVWaYVA9wwB',
  })
  password?: string;
}

export class SessionDto implements Session {
  @ApiProperty({ description: 'ULID.', example: exampleId })
  sessionId: string;

  @ApiProperty({ description: 'From where it was begun.', example: '192.0.2.7' })
  address: string;

  @ApiProperty({ description: 'With which program.', example: 'curl/8.10', nullable: true, type: String })
  userAgent: string | null;

  @ApiProperty({ description: 'When it was begun.', example: exampleTime })
  createdAt: Date;

  @ApiProperty({ description: 'When it was refreshed last.', example: exampleTime })
  refreshedAt: Date;

  @ApiProperty({ description: 'When it ends, however often it is refreshed.', example: exampleTime })
  expiresAt: Date;
}

export class ApiKeyDto implements ApiKey {
  @ApiProperty({ description: 'ULID; not the key itself.', example: exampleId })
  keyId: string;

  @ApiProperty({ description: 'Its owner.', example: exampleId })
  userId: string;

  @ApiProperty({ description: "The owner's user name.", example: 'ada' })
  username: string;

  @ApiProperty({ description: 'The purpose.', example: 'enrolment in the factory' })
  name: string;

  @ApiProperty({ description: 'The role of the key.', enum: roles })
  role: Role;

  @ApiProperty({ description: 'When it was made.', example: exampleTime })
  createdAt: Date;

  @ApiProperty({ description: 'Until when it works.', example: exampleTime })
  expiresAt: Date;

  @ApiProperty({ description: 'To the minute.', example: null, nullable: true, type: String })
  lastUsedAt: Date | null;

  @ApiProperty({ description: 'When it was ended.', example: null, nullable: true, type: String })
  revokedAt: Date | null;
}

export class CreatedApiKeyDto extends ApiKeyDto {
  @ApiProperty({ description: 'The key. It is shown this once.', example: 'rvk_Qm9ErTykPrKqmxVWaYVA9w…' })
  key: string;
}
