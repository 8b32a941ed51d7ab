/** A self-signed certificate by the openssl program, as an operator would make one. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface CertificateFiles {
  certificatePem: string;
  privateKeyPem: string;
}

/** @param key as in `openssl req -newkey`: 'ec -pkeyopt ec_paramgen_curve:P-256', 'rsa:2048' */
export function makeCertificate(key = 'ec -pkeyopt ec_paramgen_curve:P-256'): CertificateFiles {
  const folder = mkdtempSync(join(tmpdir(), 'tertulia-certificate-'));
  try {
    const [certificate, privateKey] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
    const options = ['-nodes', '-days', '2', '-subj', '/CN=test', '-keyout', privateKey, '-out', certificate];
    execFileSync('openssl', ['req', '-x509', '-newkey', ...key.split(' '), ...options], { stdio: 'pipe' });
    return {
      certificatePem: readFileSync(certificate, 'utf8'),
      privateKeyPem: readFileSync(privateKey, 'utf8'),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
