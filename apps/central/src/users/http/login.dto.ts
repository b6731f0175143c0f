import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { IsString, MaxLength } from 'class-validator';
import { roles, type Role } from '../role';

const exampleId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

export class LoginDto {
  @ApiPropertyOptional({ description: 'The user name, or the e-mail address.', example: 'ada' })
  @Omittable()
  @IsString()
  @MaxLength(320)
  username?: string;

  @ApiPropertyOptional({ description: 'The same.', example: 'ada@example.com' })
  @Omittable()
  @IsString()
  @MaxLength(320)
  email?: string;

  @ApiProperty({ description: 'The password.', example: 'correct horse battery staple' })
  @IsString()
  @MaxLength(1_024)
  password: string;
}

export class RefreshDto {
  @ApiProperty({
    description: 'The refresh token of the login, or of the last refresh.',
    example: 'rvr_Qm9ErTykPrKqmxVWaYVA9w…',
  })
  @IsString()
  @MaxLength(200)
  refresh_token: string;
}

class LoggedInUserDto {
  @ApiProperty({ description: 'ULID.', example: exampleId })
  id: string;

  @ApiProperty({ description: 'The user name.', example: 'ada' })
  username: string;

  @ApiProperty({ description: 'The e-mail address.', example: null, nullable: true, type: String })
  email: string | null;

  @ApiProperty({ description: 'The role of the user.', enum: roles })
  role: Role;
}

export class TokensDto {
  @ApiProperty({ description: 'Sent as `Authorization: Bearer …`.', example: 'eyJhbGciOiJIUzI1NiJ9…' })
  token: string;

  @ApiProperty({ description: 'The same.', example: 'eyJhbGciOiJIUzI1NiJ9…' })
  access_token: string;

  @ApiProperty({ description: 'Buys new tokens, once.', example: 'rvr_Qm9ErTykPrKqmxVWaYVA9w…' })
  refresh_token: string;

  @ApiProperty({ description: 'How the token is sent.', example: 'Bearer' })
  token_type: 'Bearer';

  @ApiProperty({ description: 'How long the token is valid, in seconds.', example: 900 })
  expires_in: number;

  @ApiProperty({
    description:
      'Whether the password must be changed (POST /api/me/password) before anything else can be done.',
    example: false,
  })
  must_change_password: boolean;

  @ApiProperty({ description: 'Who has logged in.', type: LoggedInUserDto })
  user: LoggedInUserDto;
}
