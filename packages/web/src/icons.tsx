/** The page's icons: 24 × 24, one stroke, the colour of the text around. All are decoration; the words are elsewhere. */
import type { ReactNode } from 'react';

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      className="icon"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.75"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

const microphone = (
  <>
    <rect x="9" y="3" width="6" height="11" rx="3" />
    <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />
  </>
);
export const MicrophoneIcon = () => <Icon>{microphone}</Icon>;
export const MutedIcon = () => (
  <Icon>
    <path d="M9 9v2a3 3 0 0 0 4.9 2.3M15 10V6a3 3 0 0 0-5.8-1.1M5.5 11.5a6.5 6.5 0 0 0 10.4 5.2M18.5 11.5c0 .9-.2 1.8-.5 2.6M12 18v3M4 4l16 16" />
  </Icon>
);
export const LeaveIcon = () => (
  <Icon>
    <path d="M14 4H6.5A1.5 1.5 0 0 0 5 5.5v13A1.5 1.5 0 0 0 6.5 20H14M10 12h10M16.5 8.5 20 12l-3.5 3.5" />
  </Icon>
);
export const ChatIcon = () => (
  <Icon>
    <path d="M5.5 5h13A1.5 1.5 0 0 1 20 6.5v9a1.5 1.5 0 0 1-1.5 1.5H11l-4.5 3.5V17h-1A1.5 1.5 0 0 1 4 15.5v-9A1.5 1.5 0 0 1 5.5 5Z" />
  </Icon>
);
export const LinkIcon = () => (
  <Icon>
    <path d="M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7L12 6.3M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7l1.1-1.1" />
  </Icon>
);
export const CheckIcon = () => (
  <Icon>
    <path d="m5 12.5 4.5 4.5L19 7.5" />
  </Icon>
);
export const SettingsIcon = () => (
  <Icon>
    <path d="M4 7h9M17 7h3M4 17h3M11 17h9" />
    <circle cx="15" cy="7" r="2" />
    <circle cx="9" cy="17" r="2" />
  </Icon>
);
export const CloseIcon = () => (
  <Icon>
    <path d="m6 6 12 12M18 6 6 18" />
  </Icon>
);
export const SendIcon = () => (
  <Icon>
    <path d="M12 19V5M6 11l6-6 6 6" />
  </Icon>
);
export const AlertIcon = () => (
  <Icon>
    <path d="M12 8.5v4.5M12 16.5v.01M10.3 4.6 3.3 17a2 2 0 0 0 1.7 3h14a2 2 0 0 0 1.7-3L13.7 4.6a2 2 0 0 0-3.4 0Z" />
  </Icon>
);
export const SoundIcon = () => (
  <Icon>
    <path d="M4 10v4h3.5L12 18V6L7.5 10H4ZM15.5 9a4 4 0 0 1 0 6M18 6.5a7.5 7.5 0 0 1 0 11" />
  </Icon>
);
export const CameraIcon = () => (
  <Icon>
    <rect x="3" y="6" width="12.5" height="12" rx="2.5" />
    <path d="m15.5 10.5 5-2.8v8.6l-5-2.8" />
  </Icon>
);
export const CameraOffIcon = () => (
  <Icon>
    <path d="M9.5 6H13a2.5 2.5 0 0 1 2.5 2.5V12M15.5 15.8A2.5 2.5 0 0 1 13 18H5.500A2.5 2.5 0 0 1 3 15.500v-7A2.5 2.5 0 0 1 5.2 6M15.5 10.500l5-2.800v8.600l-2.5-1.400M4 4l16 16" />
  </Icon>
);
export const ScreenIcon = () => (
  <Icon>
    <rect x="3" y="4.5" width="18" height="12.5" rx="2" />
    <path d="M8.5 20.500h7M12 13.500V8M9.3 10.5 12 7.800l2.7 2.7" />
  </Icon>
);
export const StopScreenIcon = () => (
  <Icon>
    <rect x="3" y="4.5" width="18" height="12.5" rx="2" />
    <path d="M8.5 20.500h7M9.8 8.500l4.4 4.400M14.2 8.500l-4.4 4.4" />
  </Icon>
);
export const GridIcon = () => (
  <Icon>
    <rect x="3.5" y="4.5" width="7.5" height="6.5" rx="1.5" />
    <rect x="13" y="4.5" width="7.5" height="6.5" rx="1.5" />
    <rect x="3.5" y="13" width="7.5" height="6.5" rx="1.5" />
    <rect x="13" y="13" width="7.5" height="6.5" rx="1.5" />
  </Icon>
);
export const SpeakerViewIcon = () => (
  <Icon>
    <rect x="3.5" y="4.5" width="11.5" height="15" rx="2" />
    <path d="M18 6h2.500M18 12h2.500M18 18h2.5" />
  </Icon>
);
export const PinIcon = () => (
  <Icon>
    <path d="M9 4.500h6M10 4.500v5.200L7 13v1.500h10V13l-3-3.300V4.500M12 14.500v5.5" />
  </Icon>
);
export const FullScreenIcon = () => (
  <Icon>
    <path d="M4.5 9V4.500H9M15 4.500h4.500V9M19.5 15v4.500H15M9 19.500H4.500V15" />
  </Icon>
);
export const KeyboardIcon = () => (
  <Icon>
    <rect x="2.5" y="6" width="19" height="12" rx="2.5" />
    <path d="M6.5 10h.01M10 10h.01M13.5 10h.01M17 10h.01M8 14h8" />
  </Icon>
);
export const SlowIcon = () => (
  <Icon>
    <path d="M5 18v-2M10 18v-5M15 18v-1M20 18v-1M14 6l5 5M19 6l-5 5" />
  </Icon>
);
export const RecordIcon = () => (
  <Icon>
    <circle cx="12" cy="12" r="8.5" />
    <circle cx="12" cy="12" r="3.5" fill="currentColor" stroke="none" />
  </Icon>
);
export const StopRecordIcon = () => (
  <Icon>
    <circle cx="12" cy="12" r="8.5" />
    <rect x="9" y="9" width="6" height="6" rx="1" fill="currentColor" stroke="none" />
  </Icon>
);
export const PersonIcon = () => (
  <Icon>
    <circle cx="12" cy="8.5" r="4" />
    <path d="M4.500 20c.6-4 3.600-6.500 7.500-6.500s6.900 2.500 7.500 6.500" />
  </Icon>
);
export const PeopleIcon = () => (
  <Icon>
    <circle cx="9" cy="8.5" r="3.5" />
    <path d="M2.5 19.5c.4-3.600 3-6 6.500-6s6.100 2.400 6.500 6M15.500 5.300a3.500 3.500 0 0 1 0 6.400M17.500 14c2.300.8 3.700 2.800 4 5.500" />
  </Icon>
);
