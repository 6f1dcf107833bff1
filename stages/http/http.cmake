# SPDX-License-Identifier: Apache-2.0
# The HTTP client is no library: it is compiled into each stage that speaks HTTP.
file(GLOB kakehi_http_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
set(kakehi_http_packages libcurl libcares openssl)
