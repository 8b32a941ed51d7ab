{
  "targets": [
    {
      "target_name": "tertulia_engine",
      "sources": [
        "native/addon.cc",
        "native/addon_dtls.cc",
        "native/addon_engine.cc",
        "native/addon_tests.cc",
        "native/addon_video.cc",
        "native/arena.cc",
        "native/checks.cc",
        "native/core.cc",
        "native/dtls.cc",
        "native/dtls_certificate.cc",
        "native/engine_object.cc",
        "native/forwarder.cc",
        "native/gcm.cc",
        "native/peer.cc",
        "native/poller.cc",
        "native/socket_common.cc",
        "native/socket_linux.cc",
        "native/socket_plain.cc",
        "native/srtp.cc",
        "native/transmitter.cc",
      ],
      "defines": ["NAPI_VERSION=8", "OPENSSL_SUPPRESS_DEPRECATED"],
      "cflags_cc": ["-std=c++17", "-O3", "-Wall", "-Wextra", "-Wshadow", "-fvisibility=hidden"],
      "cflags!": ["-O2"],
      "xcode_settings": {
        "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
        "GCC_OPTIMIZATION_LEVEL": "3",
        "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
        "MACOSX_DEPLOYMENT_TARGET": "11.0",
      },
      "msvs_settings": {
        "VCCLCompilerTool": {"AdditionalOptions": ["/std:c++17"], "WarningLevel": 3},
      },
      "conditions": [
        ["OS=='win'", {"libraries": ["ws2_32.lib"]}],
      ],
    },
  ],
}
