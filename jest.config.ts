/** @jest-config-loader esbuild-register */
import type { Config } from 'jest';

const config: Config = {
  testEnvironment: 'node',
  testTimeout: 20_000, // longer than `until` waits: its message says more
  testMatch: ['<rootDir>/test/{unit,e2e,chaos,fuzz,examples,docs,web}/**/*.test.ts'], // npm run test:interop has its own
  maxWorkers: 2,
  workerIdleMemoryLimit: '1GB', // modules that were imported by a test are never let go of
  extensionsToTreatAsEsm: ['.ts'],
  // isolatedModules in tsconfig.json makes ts-jest transpile only: `npm run types` checks the types
  transform: { '\\.ts$': ['ts-jest', { useESM: true }] },
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^nestjs-mqtt$': '<rootDir>/src/index.ts',
    '^nestjs-mqtt/health$': '<rootDir>/src/health/index.ts',
    '^nestjs-mqtt/opentelemetry$': '<rootDir>/src/opentelemetry/index.ts',
    '^nestjs-mqtt/testing$': '<rootDir>/src/testing/index.ts',
  },
};

export default config;
