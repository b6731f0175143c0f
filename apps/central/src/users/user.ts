import type { Role } from './role';

/** Nobody has the name that the audit log gives to whoever is not logged in. */
export const usernamePattern = /^(?!anyone$)[A-Za-z0-9._-]{1,64}$/i;

/** A user without the hash of its password. */
export interface User {
  userId: string;
  username: string;
  email: string | null;
  role: Role;
  /** It was printed, or set by somebody else. */
  mustChangePassword: boolean;
  isDisabled: boolean;
  createdAt: Date;
  changedAt: Date;
  passwordChangedAt: Date;
  lastLoginAt: Date | null;
}

/** The columns read for it. */
export const userColumns = `
  users.user_id AS "userId", username, email, users.role, must_change_password AS "mustChangePassword",
  is_disabled AS "isDisabled", users.created_at AS "createdAt", changed_at AS "changedAt",
  password_changed_at AS "passwordChangedAt", last_login_at AS "lastLoginAt"`;
