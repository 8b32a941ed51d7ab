/** Google's error object, as the Meet endpoint gives it. */
import { expect } from 'vitest';
import type { Answer } from './testServer.js';

interface GoogleError {
  code: number;
  message: string;
  status: string;
  details: { '@type': string; reason: string; domain: string }[];
}
export const errorOf = (answer: Answer): GoogleError => {
  expect(answer.headers['content-type']).toMatch(/^application\/json/);
  expect(Object.keys(answer.body)).toEqual(['error']);
  const error = answer.body['error'] as GoogleError;
  expect(error.code).toBe(answer.status);
  return error;
};
export const expectReason = (answer: Answer, http: number, status: string, reason: string): void => {
  const error = errorOf(answer);
  expect([answer.status, error.status, error.details[0]?.reason]).toEqual([http, status, reason]);
  expect(error.message).toContain(reason);
};
